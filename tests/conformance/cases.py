"""Small instances of every registered mechanism: small enough to enumerate every message of every item."""

import functools
from fractions import Fraction

import numpy as np
import pytest

from ldp_core.mechanisms import Mechanism, create
from ldp_core.mechanisms.blocked_mechanism import BlockedMechanism
from ldp_core.privacy import OutputLaw, output_law
from ldp_core.types import BoolArray, FloatArray

# name, epsilon, domain_size, parameters
LARGEST = ("spread", "1", 18, {"p": 2, "n": 5, "c": 3, "m": 3})
"""Its laws take some seconds to enumerate."""

CASES = [
    ("projective_geometry", "1", 7, {"q": 2, "t": 3}),
    ("projective_geometry", "0.5", 5, {"q": 4, "t": 2}),
    ("projective_geometry", "2", 11, {"q": 3, "t": 3}),
    ("projective_geometry", "1/3", 20, {"q": 4, "t": 3}),
    ("hybrid_projective_geometry", "1", 14, {"h": 2, "q": 2, "t": 3}),
    ("hybrid_projective_geometry", "2", 7, {"h": 3, "q": 3, "t": 2}),
    ("hybrid_projective_geometry", "0.7", 13, {"h": 1, "q": 3, "t": 3}),
    ("hadamard_response", "1", 7, {"blocks": 1}),
    ("hadamard_response", "2", 10, {"blocks": 2}),
    ("hadamard_response", "3", 9, {"blocks": 4}),
    ("randomized_response", "1", 2, {}),
    ("randomized_response", "2.5", 6, {}),
    ("subset_selection", "1", 5, {"subset_size": 2}),
    ("subset_selection", "0.2", 7, {"subset_size": 3}),
    ("spread", "1", 16, {"p": 2, "n": 4, "c": 2}),
    ("spread", "2", 20, {"p": 2, "n": 5, "c": 2}),
    ("spread", "1.5", 27, {"p": 3, "n": 3, "c": 2}),
    ("spread", "0.8", 25, {"p": 5, "n": 2, "c": 1}),
    ("spread", "1", 11, {"p": 2, "n": 4, "c": 2, "m": 3}),
    ("spread", "0.4", 9, {"p": 3, "n": 2, "c": 1, "m": 2}),
    LARGEST,
    ("optimized_unary_encoding", "1", 2, {}),
    ("optimized_unary_encoding", "2", 4, {}),
    ("symmetric_unary_encoding", "1", 3, {}),
    ("symmetric_unary_encoding", "3", 4, {}),
    ("optimized_local_hashing", "1", 3, {"g": 2, "prime": 3}),
    ("optimized_local_hashing", "2", 5, {"g": 3, "prime": 7}),
]


def label(case: tuple) -> str:
    name, epsilon, k, parameters = case
    return "-".join([name, f"eps{epsilon}", f"k{k}", *(f"{key}{value}" for key, value in parameters.items())])


every_case = pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=label(case), marks=[pytest.mark.thorough] if case is LARGEST else []) for case in CASES],
)


def build(case: tuple) -> Mechanism:
    name, epsilon, k, parameters = case
    return create(name, epsilon=epsilon, domain_size=k, **parameters)


@functools.cache
def _laws(index: int) -> list[OutputLaw]:
    mechanism = build(CASES[index])
    return [output_law(mechanism.randomize, item) for item in range(mechanism.domain_size)]


def laws(case: tuple) -> list[OutputLaw]:
    """The exact output law of every item, by running the shipped code over every random choice."""
    return _laws(CASES.index(case))


@functools.cache
def _single_report_estimates(index: int) -> FloatArray:
    mechanism = build(CASES[index])
    messages = range(mechanism.report_space)
    return np.array([mechanism.decode(mechanism.tally([message])).frequencies for message in messages])


def single_report_estimates(case: tuple) -> FloatArray:
    """What each message, alone, decodes to.  (N, k)"""
    return _single_report_estimates(CASES.index(case))


def as_array(law: OutputLaw, report_space: int) -> FloatArray:
    return np.array([float(law.get(message, Fraction(0))) for message in range(report_space)])


def variance_of(mechanism: Mechanism, holder: int, item: int) -> float:
    """The claimed variance of the estimate of `item` from one phone that holds `holder`."""
    frequency = float(holder == item)
    if isinstance(mechanism, BlockedMechanism):
        blocks = mechanism.design.blocks
        return mechanism.variance(1, frequency, float(holder % blocks == item % blocks))
    return mechanism.variance(1, frequency)


def supported_matrix(mechanism: Mechanism) -> BoolArray:
    """Which message supports which item.  (k, N)"""
    messages = np.arange(mechanism.report_space)
    return np.array([mechanism.supported(messages, item) for item in range(mechanism.domain_size)])


def support_rate(law: OutputLaw, supported: BoolArray) -> Fraction:
    """The exact probability that a report of this law supports the item whose row of the matrix this is."""
    return sum((share for message, share in law.items() if supported[message]), Fraction(0))


def claimed_support_rate(mechanism: Mechanism, holder: int, item: int) -> Fraction:
    """The probability that the mechanism publishes for it."""
    if isinstance(mechanism, BlockedMechanism) and (holder - item) % mechanism.design.blocks:
        return mechanism.error.base * mechanism.design.block_size
    return mechanism.rates.own if holder == item else mechanism.rates.other
