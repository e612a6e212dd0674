"""The exponent of known traces."""

import numpy as np
import pytest

from ldp_core.analysis.lojasiewicz.exponent import LEAST_POINTS, TraceColumns, fit_exponent, profile_minimum
from tests.ldp_core.analysis.lojasiewicz.descents_of_theory import power_descent


@pytest.mark.parametrize(("p", "alpha"), [(3, 4 / 3), (4, 3 / 2), (6, 5 / 3)])
def test_powers_have_theirs_with_and_without_the_least_value(p: int, alpha: float) -> None:
    t, f, norm = power_descent(p, 100_000)
    trace = TraceColumns(t, f + 1.7, norm)
    known = fit_exponent(trace, 1.7)
    assert known is not None
    assert known.alpha == pytest.approx(alpha, abs=0.002)
    assert known.low - 1e-6 <= alpha <= known.high + 1e-6
    assert known.mu == pytest.approx(p**alpha / 2, rel=1e-3)
    assert not known.bends
    assert not known.geometric
    f_star = profile_minimum(trace)
    assert f_star is not None
    profiled = fit_exponent(trace, f_star)
    assert profiled is not None
    assert profiled.alpha == pytest.approx(alpha, abs=0.01)


def test_the_least_value_is_found_far_below_the_end_of_a_trace() -> None:
    t, f, norm = power_descent(4, 300)
    f_star = profile_minimum(TraceColumns(t, f - 5.0, norm))
    assert f_star == pytest.approx(-5.0, abs=0.02 * f[-1])


def test_a_quadratic_is_geometric() -> None:
    x = 0.9 ** np.arange(200)
    fit = fit_exponent(TraceColumns(np.arange(200.0), x**2 / 2, x), 0.0)
    assert fit is not None
    assert fit.alpha == pytest.approx(1.0)
    assert fit.mu == pytest.approx(1.0)
    assert fit.geometric


def test_rounding_is_left_out_and_too_little_gives_nothing() -> None:
    x = 0.5 ** np.arange(60)
    trace = TraceColumns(np.arange(60.0), 1.0 + x**2 / 2, x)
    fit = fit_exponent(trace, 1.0)
    assert fit is not None
    assert fit.points == int((x**2 / 2 > 1e4 * np.finfo(float).eps * 1.5).sum())
    assert fit.alpha == pytest.approx(1.0, abs=1e-3)
    short = trace.rows(np.arange(LEAST_POINTS - 1))
    assert fit_exponent(short, 1.0) is None
    assert profile_minimum(short) is None
    same = TraceColumns(np.arange(20.0), np.full(20, 3.0), np.ones(20))
    assert fit_exponent(same, 1.0) is None


def test_a_bent_relation_is_called_so() -> None:
    """|g| = 1 - e^-D: exponent 2 near 0 and 0 far from it."""
    D = np.geomspace(1e3, 1e-3, 250)
    fit = fit_exponent(TraceColumns(np.arange(250.0), D, -np.expm1(-D)), 0.0)
    assert fit is not None
    assert fit.bends
    assert fit.alpha_end == pytest.approx(2.0, abs=0.2)


def test_points_are_taken_evenly_in_log_t() -> None:
    t = np.arange(100_000.0)
    thin = TraceColumns(t, t, t).thinned()
    assert len(thin.t) <= 300
    assert thin.t[0] == 0
    assert thin.t[-1] == 99_999
    assert np.diff(np.log(thin.t[150:] + 1)) == pytest.approx(np.log(1e5) / 299, rel=0.2)
