"""Likelihoods that several tests look at."""

from collections.abc import Sequence

import numpy as np

from ldp_core.analysis.lojasiewicz.likelihood import Likelihood
from ldp_core.mechanisms import create
from ldp_core.mechanisms.channel import message_channel
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.types import Counts, Frequencies, Messages

LOG_4 = "1.3862943611198906"


def zipf(k: int) -> Frequencies:
    """Frequencies like rank^-1.2."""
    weights = np.arange(1, k + 1) ** -1.2
    frequencies: Frequencies = weights / weights.sum()
    return frequencies


def geometry_31() -> DesignMechanism:
    """31 items, 31 messages, epsilon = ln 4."""
    mechanism = create("projective_geometry", epsilon=LOG_4, domain_size=31, q=5, t=3)
    assert isinstance(mechanism, DesignMechanism)
    return mechanism


def messages_of(mechanism: DesignMechanism, n: int, seed: int) -> Messages:
    """Reports of n phones whose items follow `zipf`."""
    rng = np.random.default_rng(seed)
    items = rng.choice(mechanism.domain_size, size=n, p=zipf(mechanism.domain_size))
    return mechanism.randomize_many(items, rng)


def counts_of(mechanism: DesignMechanism, n: int, seed: int) -> Counts:
    """The tally of `messages_of`."""
    return mechanism.tally(messages_of(mechanism, n, seed)).counts


def likelihood_31(n: int = 20_000, seed: int = 3) -> Likelihood:
    """Of n reports through `geometry_31`."""
    mechanism = geometry_31()
    return Likelihood(message_channel(mechanism), counts_of(mechanism, n, seed))


def rows(t: Sequence[float], f: Sequence[float], norm: Sequence[float]) -> list[dict[str, float]]:
    """A trace as a request has it."""
    return [{"t": float(a), "f": float(b), "grad_norm": float(c)} for a, b, c in zip(t, f, norm, strict=True)]
