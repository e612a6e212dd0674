"""Published and independently computed numbers: rates and variances of well-known parameter choices."""

import math

import pytest

from ldp_core.estimation import optimal_total_squared_error
from ldp_core.mechanisms import create

PROJECTIVE = [  # epsilon, q, t, N, c, d, s, r, V0, V1 - V0
    ("0.25", 2, 10, 1023, 511, 255, 0.561695241833, 0.499450396045, 64.5256953471, -0.9823405794),
    ("1", 4, 5, 341, 85, 21, 0.474390881848, 0.248604732700, 3.6642344556, 1.2268440137),
    ("2", 8, 4, 585, 73, 9, 0.513030752653, 0.124121522684, 0.7187774583, 0.9329882057),
    ("4", 53, 3, 2863, 54, 1, 0.512097693305, 0.018688994517, 0.0753319141, 0.9509627887),
    ("5", 149, 3, 22351, 150, 1, 0.500685670122, 0.006689007353, 0.0272269432, 0.9972239889),
    ("5", 149, 4, 3330300, 22351, 150, 0.500696855532, 0.006711259050, 0.0273181285, 0.9971786403),
]

SPREAD = [  # epsilon, n, c, cells, s, r, V0, total error / optimum at k = 2^n
    ("1", 10, 2, 1364, 0.475366886419, 0.249779700013, 3.6822824313, 1.002433),
    ("2", 12, 3, 4680, 0.513519166798, 0.124905123525, 0.7237663926, 1.000732),
    ("4", 12, 6, 4160, 0.464277286826, 0.015515439002, 0.0758474742, 1.005142),
    ("5", 15, 7, 65408, 0.538874611461, 0.007796292776, 0.0274265917, 1.006088),
    ("5", 22, 7, 4259712, 0.538874611461, 0.007812373385, 0.0274843807, 1.006082),
]


@pytest.mark.parametrize(("epsilon", "q", "t", "size", "block", "common", "s", "r", "v0", "slope"), PROJECTIVE)
def test_projective_geometry(epsilon, q, t, size, block, common, s, r, v0, slope) -> None:
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=size, q=q, t=t)
    design, rates = mechanism.design, mechanism.rates
    assert (design.size, design.block_size, design.pair_intersection) == (size, block, common)
    assert float(rates.own) == pytest.approx(s, abs=1e-12)
    assert float(rates.other) == pytest.approx(r, abs=1e-12)
    assert rates.noise_variance == pytest.approx(v0, rel=1e-9)
    assert rates.own_variance - rates.noise_variance == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize(("t", "size", "ratio"), [(3, 22_351, 1.0), (4, 3_330_300, 1.000002)])
def test_projective_geometry_at_its_own_size_is_optimal(t: int, size: int, ratio: float) -> None:
    mechanism = create("projective_geometry", epsilon="5", domain_size=size, q=149, t=t)
    optimum = optimal_total_squared_error(mechanism.epsilon, size)
    assert mechanism.total_squared_error() / optimum == pytest.approx(ratio, abs=1e-6)
    if t == 3:
        assert optimum == pytest.approx(609.546631, abs=1e-6)


@pytest.mark.parametrize(("epsilon", "n", "c", "cells", "s", "r", "v0", "ratio"), SPREAD)
def test_spread(epsilon, n, c, cells, s, r, v0, ratio) -> None:
    mechanism = create("spread", epsilon=epsilon, domain_size=2**n, p=2, n=n, c=c)
    assert mechanism.report_space == mechanism.tally_size == cells
    assert float(mechanism.rates.own) == pytest.approx(s, abs=1e-12)
    assert float(mechanism.rates.other) == pytest.approx(r, abs=1e-12)
    assert mechanism.rates.noise_variance == pytest.approx(v0, rel=3e-9)  # twelve digits
    optimum = optimal_total_squared_error(mechanism.epsilon, 2**n)
    assert mechanism.total_squared_error() / optimum == pytest.approx(ratio, abs=2e-6)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("k", [5, 40])
def test_closed_forms_of_the_baselines(epsilon: float, k: int) -> None:
    E = math.exp(epsilon)
    noise = {
        "randomized_response": (E + k - 2) / (E - 1) ** 2,  # Wang et al. 2017, eq. 6
        "optimized_unary_encoding": 4 * E / (E - 1) ** 2,  # eq. 10
        "symmetric_unary_encoding": math.sqrt(E) / (math.sqrt(E) - 1) ** 2,  # eq. 7
    }
    for name, expected in noise.items():
        assert create(name, epsilon=epsilon, domain_size=k).rates.noise_variance == pytest.approx(expected, rel=1e-12)
    g = 4
    hashing = create("optimized_local_hashing", epsilon=epsilon, domain_size=k, g=g)
    assert hashing.rates.noise_variance == pytest.approx(
        (E - 1 + g) ** 2 / ((E - 1) ** 2 * (g - 1)), rel=1e-6
    )  # eq. 11


@pytest.mark.parametrize("epsilon", ["0.3", "1", "2", "4"])
@pytest.mark.parametrize("k", [2, 7, 30])
def test_subset_selection_attains_the_optimum(epsilon: str, k: int) -> None:
    mechanism = create("subset_selection", epsilon=epsilon, domain_size=k)
    optimum = optimal_total_squared_error(mechanism.epsilon, k)
    assert mechanism.total_squared_error() == pytest.approx(optimum, rel=1e-9)


@pytest.mark.parametrize("blocks", [1, 2, 8])
def test_hadamard_response_averages_to_its_closed_form(blocks: int) -> None:
    mechanism = create("hadamard_response", epsilon="2", domain_size=100, blocks=blocks)
    E = math.exp(2)
    evenly = (2 * blocks - 1 + E) ** 2 / (blocks * (E - 1) ** 2)
    assert mechanism.variance(1, 0.0, 1 / blocks) == pytest.approx(evenly, rel=1e-12)


@pytest.mark.parametrize(("q", "t"), [(5, 3), (2, 4), (4, 2)])
def test_a_hybrid_of_one_block_is_projective_geometry(q: int, t: int) -> None:
    plain = create("projective_geometry", epsilon="1.5", domain_size=5, q=q, t=t)
    hybrid = create("hybrid_projective_geometry", epsilon="1.5", domain_size=5, h=1, q=q, t=t)
    assert hybrid.threshold == plain.threshold
    assert hybrid.error.same == pytest.approx(plain.rates.noise_variance, rel=1e-12)
    assert hybrid.error.own == pytest.approx(plain.rates.own_variance, rel=1e-12)
    assert hybrid.total_squared_error() == pytest.approx(plain.total_squared_error(), rel=1e-12)


def test_hybrid_is_within_q_over_q_minus_1_of_the_design_of_its_density() -> None:
    """With many blocks the average noise is that of density 1/(h q), times (1 - 1/(h q)) / (1 - 1/q)."""
    h, q, E = 30, 5, math.exp(5)
    hybrid = create("hybrid_projective_geometry", epsilon="5", domain_size=30 * 781, h=h, q=q, t=5)
    plain = (E + h * q - 1) ** 2 / ((E - 1) ** 2 * (h * q - 1))
    assert hybrid.variance(1, 0.0, 1 / h) == pytest.approx(plain * (1 - 1 / (h * q)) / (1 - 1 / q), rel=0.01)
