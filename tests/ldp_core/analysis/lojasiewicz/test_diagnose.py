"""Exponents and bounds of uploaded traces."""

from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.lojasiewicz import diagnose
from ldp_core.analysis.result import AnalysisResult
from tests.ldp_core.analysis.lojasiewicz.descents_of_theory import (
    SeparableLogistic,
    gapless_flow,
    hilly,
    power_descent,
)
from tests.ldp_core.analysis.lojasiewicz.instances import rows

SHORT = rows(range(12), [4.0**-i for i in range(12)], [8.0 ** (-i / 2) for i in range(12)])


def answer(trace: list[dict[str, float]], **others: Any) -> AnalysisResult:
    return diagnose.run(diagnose.from_json({"trace": trace, **others}))


@pytest.mark.parametrize("known", [True, False])
def test_a_power_is_sublinear_at_its_rate(known: bool) -> None:
    t, f, norm = (column[::5] for column in power_descent(4, 100_000))
    found = answer(rows(t, f + 1.7, norm), **({"f_star": 1.7} if known else {}))
    assert found.verdict == "sublinear"
    result = found.result
    assert result["alpha"] == pytest.approx(1.5, abs=0.002 if known else 0.01)
    assert result["predicted_gd_rate"] == pytest.approx(-2, abs=0.05)
    assert result["predicted_sgd_rate"] == pytest.approx(-0.5, abs=0.01)
    assert result["f_star_source"] == ("given" if known else "profiled")
    assert result["f_star_used"] == pytest.approx(1.7, abs=1e-9)
    excess, predicted = (np.array(found.series["descent"].columns[name]) for name in ("excess", "predicted"))
    assert np.log(predicted[-1] / excess[-1]) == pytest.approx(0, abs=0.1)


def test_the_hilly_function_is_geometric_and_keeps_its_bound() -> None:
    x, trace = np.array([3.0]), []
    for t in range(60):
        f, g = hilly(x)
        trace.append({"t": float(t), "f": float(f[0]), "grad_norm": abs(float(g[0]))})
        x = x - g / 20
    theory = {"kind": "power", "alpha": 1, "mu": 0.17553, "step": 1 / 20}
    found = answer(trace, f_star=0.0, theory=theory)
    assert found.result["bound"]["holds"]
    assert found.result["bound"]["worst_ratio"] <= 1
    assert found.result["predicted_gd_rate"] == "geometric"
    too_good = answer(trace, f_star=0.0, theory={**theory, "mu": 5.0}).result["bound"]
    assert not too_good["holds"]
    assert too_good["violations"] > 0


def test_separable_logistic_regression_is_close_to_two_and_keeps_its_bound() -> None:
    problem = SeparableLogistic()
    t, f, norm = (column[::20] for column in problem.descend(20_000))
    theory = {"kind": "separable", "margin": problem.margin, "points": problem.points, "step": problem.step}
    found = answer(rows(t, f, norm), f_star=0.0, theory=theory)
    assert found.result["bound"]["holds"]
    assert found.result["alpha_end"] == pytest.approx(2, abs=0.15)


def test_least_squares_without_a_gap_keeps_the_source_bound() -> None:
    times = np.concatenate([[0.0], np.geomspace(1, 1e4, 100)])
    F, norm, energy = gapless_flow(times)
    found = answer(rows(times, F, norm), f_star=0.0, theory={"kind": "source", "order": 1, "energy": energy})
    assert found.result["bound"]["holds"]
    assert found.result["bound"]["at_end"] == pytest.approx(2.25e-4, rel=0.02)
    assert 1 < found.result["alpha"] <= 2


def test_the_noisy_bound_is_held_against_means() -> None:
    t = np.arange(10.0, 40.0)
    theory = {"kind": "noisy_pl", "mu": 1, "smoothness": 2, "variance": 3}
    assert answer(rows(t, 2.9 / t, 1 / t), f_star=0.0, theory=theory).result["bound"]["holds"]
    assert not answer(rows(t, 3.1 / t, 1 / t), f_star=0.0, theory=theory).result["bound"]["holds"]


def test_bent_and_short_traces_are_called_so() -> None:
    D = np.geomspace(1e3, 1e-3, 200)
    assert answer(rows(range(200), D, -np.expm1(-D)), f_star=0.0).verdict == "not_a_power"
    constant = answer(rows(range(20), [1.0] * 20, [0.5] * 20))
    assert constant.verdict == "too_short"
    assert constant.series == {}


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"f_star": 1.0}, "f_star_above_minimum", "f_star"),
    ({"f_star": "low"}, "wrong_type", "f_star"),
    ({"trace": SHORT[:7]}, "wrong_shape", "trace"),
    ({"trace": [{"t": 0, "f": 1}, *SHORT[1:]]}, "wrong_shape", "trace"),
    ({"trace": [SHORT[1], SHORT[0], *SHORT[2:]]}, "not_increasing", "trace"),
    ({"trace": [{**SHORT[0], "grad_norm": -1}, *SHORT[1:]]}, "out_of_range", "trace"),
    ({"trace": [{**SHORT[0], "f": float("nan")}, *SHORT[1:]]}, "non_finite", "trace.f"),
    ({"trace": "rows"}, "wrong_type", "trace"),
    ({"theory": {"kind": "power", "alpha": 1, "mu": 1, "step": 1}}, "missing_field", "f_star"),
    ({"f_star": 0, "theory": {"kind": "newton"}}, "unknown_choice", "theory.kind"),
    ({"f_star": 0, "theory": {"kind": "power", "mu": 1}}, "missing_field", "theory"),
    ({"f_star": 0, "theory": {"kind": "source", "order": 1, "energy": 1, "mu": 1}}, "unknown_field", "theory"),
    ({"f_star": 0, "theory": {"kind": "source", "order": 0, "energy": 1}}, "out_of_range", "theory.order"),
    ({"f_star": 0, "theory": {"kind": "power", "alpha": 0.5, "mu": 1, "step": 1}}, "out_of_range", "theory.alpha"),
    ({"f_star": 0, "theory": 3}, "wrong_type", "theory"),
]


@pytest.mark.parametrize(("changes", "code", "field"), REFUSED)
def test_bad_requests_are_refused_with_their_code(changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        diagnose.from_json({"trace": SHORT, **changes})
    assert (refused.value.code, refused.value.field) == (code, field)


def test_long_traces_and_long_bounds_are_refused() -> None:
    with pytest.raises(TooLargeError):
        diagnose.from_json({"trace": [SHORT[0]] * 100_001})
    far = [*SHORT, {"t": 1e9, "f": 0.0, "grad_norm": 0.0}]
    with pytest.raises(TooLargeError, match="step by step"):
        diagnose.from_json({"trace": far, "f_star": 0, "theory": {"kind": "power", "alpha": 1, "mu": 1, "step": 1}})
