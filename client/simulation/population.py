"""What simulated people answer, and how often: populations whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from client.sdk.client import Client, Receipt
from ldp_core.errors import DomainError, ParameterError
from ldp_core.types import Frequencies, IntArray, Messages
from ldp_core.wire import CollectionSpec

__all__ = ["POPULATIONS", "Population", "by_name", "emoji", "uniform", "words", "zipf"]

POPULATIONS = ("words", "emoji", "uniform", "zipf")


@dataclass(frozen=True, eq=False)
class Population:
    """Items with the probability of each.

    items: k different strings · probabilities: (k,), not negative, summing to 1. Raises DomainError otherwise.
    """

    items: tuple[str, ...]
    probabilities: Frequencies

    def __post_init__(self) -> None:
        shares = np.asarray(self.probabilities, dtype=np.float64)
        if shares.shape != (len(self.items),) or len(self.items) < 2:
            raise DomainError(
                f"a population has at least 2 items and one probability each, got {len(self.items)} items and shape {shares.shape}"
            )
        if not np.all(shares >= 0) or not np.isclose(shares.sum(), 1.0, rtol=0, atol=1e-9):
            raise DomainError(f"probabilities must not be negative and must sum to 1, got a sum of {shares.sum()}")
        object.__setattr__(self, "probabilities", shares)

    @classmethod
    def of_weights(cls, items: Sequence[str], weights: Frequencies) -> "Population":
        """The population whose probabilities are the weights over their sum."""
        total = float(np.sum(weights))
        if not total > 0:
            raise DomainError("the weights of a population must have a positive sum")
        return cls(tuple(items), np.asarray(weights, dtype=np.float64) / total)

    def __len__(self) -> int:
        return len(self.items)

    def over(self, items: Sequence[str]) -> "Population":
        """The same people, asked about these items: shares among them, 0 for items that nobody here answers.

        Raises DomainError when none of the items is known.
        """
        known = dict(zip(self.items, self.probabilities, strict=True))
        weights = np.array([known.get(item, 0.0) for item in items])
        if not weights.any():
            raise DomainError(
                "this population answers none of the collection's items; choose another one, or --population uniform or zipf"
            )
        return Population.of_weights(items, weights)

    def fitting(self, spec: CollectionSpec) -> "Population":
        """The population over the collection's items, in their order. Raises ParameterError or DomainError when it answers another question."""
        if spec.labels is not None:
            raise ParameterError("this collection asks for labels of rows; give it labelled rows")
        if spec.domain is not None:
            return self if tuple(spec.domain.items) == self.items else self.over(spec.domain.items)
        if len(self) != spec.mechanism.domain_size:
            raise ParameterError(
                f"the collection has {spec.mechanism.domain_size:,} unnamed items and the population {len(self):,}; "
                "give it the same number"
            )
        return self

    def messages(self, spec: CollectionSpec, values: IntArray, rng: np.random.Generator) -> Messages:
        """What phones with these answers send.  (n,) -> (n,)"""
        return np.asarray(spec.mechanism.randomize_many(values, rng), dtype=np.int64)

    def report(self, phone: Client, spec: CollectionSpec, value: int, cohort: str | None) -> Receipt:
        """Let one phone answer."""
        return phone.report(spec.collection, value if spec.domain is None else spec.domain.items[value], cohort=cohort)

    def sample(self, n: int, rng: np.random.Generator) -> IntArray:
        """The answers of n people as indices.  -> (n,)"""
        return rng.choice(len(self.items), size=n, p=self.probabilities).astype(np.int64)


def words(items: int | None = 20_000) -> Population:
    """The most frequent English words with their relative frequencies in real text (wordfreq); all of them when items is None."""
    return _cut({word: share for word, share in _english().items() if _is_word(word)}, items, "words")


def emoji(items: int | None = None) -> Population:
    """Emoji with their relative frequencies in real English text (wordfreq); all of them when items is None."""
    import regex

    shape = regex.compile(r"(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F)(?:\p{Emoji_Modifier}|\uFE0F|\u200D\p{Emoji})*")
    lone_flag_letter = regex.compile(r"\p{Regional_Indicator}")
    found = {
        token: share
        for token, share in _english().items()
        if not token.isascii() and shape.fullmatch(token) and not lone_flag_letter.fullmatch(token)
    }
    return _cut(found, items, "emoji")


def uniform(items: int) -> Population:
    """Every item equally often."""
    return Population.of_weights(_numbered(items), np.ones(items))


def zipf(items: int, exponent: float = 1.0) -> Population:
    """Item number i, from 1, with a weight of 1 / i^exponent."""
    return Population.of_weights(_numbered(items), np.arange(1, items + 1, dtype=np.float64) ** -exponent)


def by_name(name: str, items: int | None = None) -> Population:
    """A population by its name in `POPULATIONS`, of its most frequent `items`; the default size when that is None."""
    if name == "words":
        return words(items or 20_000)
    if name == "emoji":
        return emoji(items)
    if name in POPULATIONS:
        return (uniform if name == "uniform" else zipf)(items or 1_000)
    raise DomainError(f"population must be one of {', '.join(POPULATIONS)}; got {name!r}")


def _english() -> dict[str, float]:
    import wordfreq

    found: dict[str, float] = wordfreq.get_frequency_dict("en", "large")
    return found


def _is_word(token: str) -> bool:
    return token.isascii() and token[0].isalpha() and all(c.isalpha() or c in "'-" for c in token)


def _cut(shares: dict[str, float], items: int | None, what: str) -> Population:
    if items is not None and not 2 <= items <= len(shares):
        raise DomainError(f"the number of {what} must lie in 2..{len(shares):,}, got {items:,}")
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:items]
    return Population.of_weights([item for item, _ in ranked], np.array([share for _, share in ranked]))


def _numbered(items: int) -> list[str]:
    if items < 2:
        raise DomainError(f"a population has at least 2 items, got {items}")
    return [f"item {number}" for number in range(1, items + 1)]
