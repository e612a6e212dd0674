"""The perturbed-optimizer method: published values, exact laws, its own checks, and what it refuses."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from ldp_core.analysis import AnalysisResult, Cancelled, Step
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.perturbed import optimizer
from ldp_core.analysis.perturbed.request import LARGEST_JACOBIAN

THETA = [-0.6, 1.9, -0.2, 1.1, -1.0]
GUMBEL = {"kind": "gumbel", "sigma": 0.5}
NORMAL = {"kind": "normal", "sigma": 0.5}


def run(**body: Any) -> AnalysisResult:
    return optimizer.run(optimizer.from_json(body))


def matched(result: AnalysisResult, name: str = "mean") -> float:
    """Largest distance from the exact value, in standard errors."""
    gap = np.abs(np.asarray(result.result[name]) - np.asarray(result.result["exact"][name]))
    se = np.asarray(result.result[f"{name}_se"])
    return float(np.max(gap / np.maximum(se, 1 / result.diagnostics["samples"])))


def test_gumbel_argmax_is_softmax() -> None:
    """Acceptance 3.1, with the values that the paper's authors publish for this input."""
    found = run(
        solver="argmax", theta=THETA, noise=GUMBEL, num_samples=10**6, want=["mean", "value", "jacobian"], seed=3
    )
    softmax = np.array([0.00549293, 0.8152234, 0.01222475, 0.16459079, 0.00246813])
    assert np.abs(found.result["mean"] - softmax).max() <= 0.002
    assert matched(found) <= 4
    assert np.abs(found.result["jacobian"] - (np.diag(softmax) - np.outer(softmax, softmax)) / 0.5).max() <= 0.006
    assert found.result["value"] == pytest.approx(2.290754, abs=0.003)
    assert found.result["exact"]["value"] == pytest.approx(2.290754, abs=1e-6)
    assert (found.verdict, found.warnings) == ("checked", ())
    assert found.diagnostics["distinct_solutions"] == 5


def test_normal_argmax_matches_its_integral() -> None:
    """Acceptance 3.2."""
    found = run(solver="argmax", theta=THETA, noise=NORMAL, num_samples=200_000, seed=1)
    exact = [0.0000555, 0.870585, 0.000602, 0.128755, 0.0000035]
    assert found.result["exact"]["mean"] == pytest.approx(exact, abs=1e-6)
    assert found.diagnostics["max_z_vs_exact"] <= 4


def test_expected_ranks_need_no_sampling() -> None:
    """Acceptance 3.3."""
    found = run(solver="rank", theta=THETA, noise=NORMAL, num_samples=20_000)
    ranks = [2.008308, 4.869337, 2.619732, 4.086359, 1.416264]
    assert found.result["exact"]["mean"] == pytest.approx(ranks, abs=1e-5)
    assert matched(found) <= 4


def test_four_close_entries() -> None:
    """Acceptance 3.4."""
    theta, noise = [0.3, 0.1, 0.0, -0.2], {"kind": "normal", "sigma": 0.25}
    first = run(solver="argmax", theta=theta, noise=noise, num_samples=10**6, want=["mean", "jacobian"], seed=2)
    assert first.result["exact"]["mean"] == pytest.approx([0.610237, 0.229386, 0.128246, 0.032131], abs=1e-6)
    assert first.result["jacobian"][0] == pytest.approx([1.2004, -0.6662, -0.4104, -0.1238], abs=0.02)
    assert first.result["exact"]["jacobian"][0] == pytest.approx([1.2004, -0.6662, -0.4104, -0.1238], abs=1e-3)
    two = run(solver="topk", k=2, theta=theta, noise=noise, num_samples=300_000, seed=2)
    assert two.result["mean"] == pytest.approx([0.8594, 0.5981, 0.4019, 0.1407], abs=0.003)
    assert two.result["exact"]["mean"] == pytest.approx([0.8594, 0.5979, 0.4021, 0.1406], abs=5e-5)
    assert two.result["mean"].sum() == pytest.approx(2, abs=1e-12)


def test_the_gumbel_loss_is_a_divergence() -> None:
    """Acceptance 3.5."""
    p = np.exp(np.array(THETA) / 0.5)
    p /= p.sum()
    body = {"solver": "argmax", "theta": THETA, "noise": GUMBEL, "want": ["mean", "fy"], "num_samples": 1000}
    at_optimum = run(**body, y_true=p.tolist())
    assert at_optimum.result["fy_value"] == pytest.approx(0, abs=1e-9)
    y = [0.1, 0.2, 0.3, 0.4, 0.0]
    beside = run(**body, y_true=y)
    assert beside.result["fy_gradient"] == pytest.approx(p - y, abs=1e-12)
    divergence = 0.5 * sum(a * np.log(a / b) for a, b in zip(y, p, strict=True) if a)
    assert beside.result["fy_value"] == pytest.approx(divergence, abs=1e-12)


def test_equal_seeds_give_equal_results() -> None:
    """Acceptance 3.6."""
    body = dict(optimizer.EXAMPLE)
    texts = [json.dumps(run(**{**body, "seed": seed}).to_json(), allow_nan=False) for seed in (7, 7, 8)]
    assert texts[0] == texts[1]
    assert texts[0].replace('"seed": 7', '"seed": 8') != texts[2]


def test_two_routes_are_chosen_by_the_normal_law() -> None:
    """Pr[route 1] = Phi((c2 - c1) / (s sqrt(a + b))) for a and b edges."""
    found = run(
        solver="graph_path",
        edges=[[0, 1], [1, 4], [0, 2], [2, 3], [3, 4]],
        costs=[1, 1, 0.6, 0.7, 0.8],
        noise={"kind": "normal", "sigma": 0.1},
        num_samples=40_000,
        want=["mean", "value", "jacobian"],
    )
    expected = norm.cdf((2.1 - 2) / (0.1 * np.sqrt(5)))
    assert found.result["exact"]["mean"] == pytest.approx([expected] * 2 + [1 - expected] * 3)
    assert found.result["mean"][0] == pytest.approx(expected, abs=0.01)  # 4 standard errors
    assert found.result["hard_solution"].tolist() == [1, 1, 0, 0, 0]
    assert found.diagnostics["derivatives_by"] == "theta = -costs"
    assert found.verdict == "checked"


BODIES: dict[str, dict[str, Any]] = {
    "argmax": {"theta": THETA},
    "topk": {"theta": THETA, "k": 2},
    "rank": {"theta": THETA},
    "assignment": {"costs": [[0.1, 0.4, 0.3], [0.2, 0.2, 0.5], [0.5, 0.1, 0.2]]},
    "grid_path": {"costs": (np.arange(12).reshape(3, 4) % 5 + 3.0).tolist(), "grid": {"neighbours": 8}},
    "graph_path": {"costs": [3, 3, 4.5, 2, 2], "edges": [[0, 1], [1, 3], [0, 2], [2, 3], [1, 2]]},
}
NOISES = ["gumbel", "normal", "covariance"]


def body_of(solver: str, kind: str, **more: Any) -> dict[str, Any]:
    body = {"solver": solver, **BODIES[solver], **more}
    size = np.size(body.get("theta", body.get("costs")))
    near = 0.3 * (np.eye(size) + 0.3 * np.eye(size, k=1) + 0.3 * np.eye(size, k=-1))
    noise = {"kind": kind, "matrix": near.tolist()} if kind == "covariance" else {"kind": kind, "sigma": 0.4}
    return {**body, "noise": noise}


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("solver", BODIES)
def test_laws_of_every_solver_and_noise(solver: str, kind: str) -> None:
    """The mean is feasible, J is symmetric and positive semi-definite within its error, and c'J is J's product with c.

    Six standard errors, eighteen cases of at most 78 pairs: false alarm below 1e-5.
    """
    shape = np.shape(BODIES[solver].get("theta", BODIES[solver].get("costs")))
    cotangent = np.cos(np.arange(np.prod(shape))).reshape(shape)
    want = ["mean", "value", "jacobian", "vjp"]
    found = run(**body_of(solver, kind, want=want, cotangent=cotangent.tolist(), num_samples=20_000, seed=5))
    told, answer = found.diagnostics, found.result
    assert told["feasibility_residual"] < 1e-12
    assert told["jacobian_asymmetry_z"] < 6
    assert told["min_eigenvalue"] > -6 * answer["jacobian_se"].max()
    assert answer["vjp"] == pytest.approx((cotangent.ravel() @ answer["jacobian"]).reshape(shape))
    assert told.get("max_z_vs_exact", 0) < 6
    assert found.verdict in {"checked", "consistent"}
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize(("solver", "kind"), [("argmax", "normal"), ("topk", "gumbel"), ("rank", "covariance")])
def test_sampled_derivatives_match_exact_ones(solver: str, kind: str) -> None:
    """25 entries, 6 standard errors: false alarm below 1e-7. A factor of sigma would be thousands."""
    found = run(**body_of(solver, kind, want=["jacobian"], num_samples=200_000, seed=4))
    exact, errors = found.result["exact"]["jacobian"], found.result["jacobian_se"]
    seldom = 1e-3 * np.abs(exact).max()  # entries that change in hardly any draw have no error of their own
    assert (np.abs(found.result["jacobian"] - exact) <= 6 * errors + seldom).all()
    assert np.abs(exact).max() > 50 * errors.max()


@pytest.mark.parametrize("solver", BODIES)
def test_the_control_variate_changes_the_error_and_not_the_answer(solver: str) -> None:
    """With little noise the plain estimator multiplies a certain solution by the score; six joint standard errors."""
    body = body_of(solver, "normal", want=["jacobian"], num_samples=20_000)
    body["noise"] = {"kind": "normal", "sigma": 0.1}
    plain, controlled = (run(**body, control_variate=on) for on in (False, True))
    errors = [result.result["jacobian_se"] for result in (plain, controlled)]
    gap = np.abs(plain.result["jacobian"] - controlled.result["jacobian"])
    assert (gap <= 6 * np.hypot(*errors) + 1e-12).all()
    assert errors[1].mean() < errors[0].mean()


def test_a_loss_at_a_solution_is_exact_for_every_solver() -> None:
    """The loss of a solution is at least zero, and nearly zero where the input favours it beyond all noise."""
    for solver, given in BODIES.items():
        name = "theta" if "theta" in given else "costs"
        hard = run(**body_of(solver, "normal", num_samples=100)).result["hard_solution"]
        pull = 40 if solver != "rank" else 10
        favoured = pull * hard if name == "theta" else pull * (1.5 - hard)
        want = {"want": ["fy"], "y_true": hard.tolist(), "num_samples": 4000}
        far = run(**{**body_of(solver, "gumbel", **want), name: favoured.tolist()})
        near = run(**body_of(solver, "gumbel", **want))
        assert abs(far.result["fy_value"]) <= 6 * far.result["fy_se"] + 1e-6
        assert near.result["fy_value"] > -6 * near.result["fy_se"]


def test_a_mixture_gives_the_loss_up_to_a_constant() -> None:
    y = [0.5, 0.5, 0, 0, 0]
    found = run(solver="argmax", theta=THETA, noise=NORMAL, want=["fy"], y_true=y)
    assert "fy_value" not in found.result
    assert found.result["fy_loss_up_to_constant"] == pytest.approx(1.945699 - np.dot(THETA, y), abs=1e-5)


def test_a_single_solution_is_not_certainty() -> None:
    found = run(solver="argmax", theta=THETA, noise={"kind": "normal", "sigma": 1e-3}, want=["mean", "jacobian"])
    assert found.diagnostics["distinct_solutions"] == 1
    assert (found.verdict, found.warnings) == ("imprecise", ("sigma_too_small",))


def test_clipped_costs_are_counted_and_spoil_the_closed_form() -> None:
    found = run(**body_of("graph_path", "normal") | {"noise": {"kind": "normal", "sigma": 3.0}})
    assert found.diagnostics["clipped_fraction"] > 0.01
    assert "costs_clipped" in found.warnings
    assert found.result["exact"] is None


def test_sampling_stops_at_the_wanted_error() -> None:
    found = run(solver="argmax", theta=THETA, noise=NORMAL, num_samples=10**6, target_se=0.005)
    assert found.diagnostics["max_se"] <= 0.005
    assert found.diagnostics["samples"] < 10**6


def test_a_cancelled_run_ends_at_once() -> None:
    seen: list[Step] = []

    def stop(step: Step) -> None:
        seen.append(step)
        if len(seen) == 3:
            raise Cancelled

    request = optimizer.from_json({"solver": "argmax", "theta": THETA, "noise": NORMAL, "num_samples": 10**6})
    with pytest.raises(Cancelled):
        optimizer.run(request, progress=stop)
    assert [step.metric for step in seen] == ["max_se"] * 3


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"theta": [1, float("nan")]}, "non_finite", "theta"),
    ({"theta": [[1, 2], [3]]}, "not_numbers", "theta"),
    ({"theta": [1]}, "too_few", "theta"),
    ({"theta": None}, "theta_or_costs", "theta"),
    ({"noise": {"kind": "normal", "sigma": 0}}, "sigma_not_positive", "noise"),
    ({"noise": {"kind": "normal", "sigma": "x"}}, "sigma_not_positive", "noise"),
    ({"noise": {"kind": "cauchy", "sigma": 1}}, "unknown_choice", "noise"),
    ({"noise": {"kind": "normal"}}, "unknown_field", "noise"),
    ({"noise": {"kind": "covariance", "matrix": np.eye(4).tolist()}}, "wrong_length", "noise"),
    ({"noise": {"kind": "covariance", "matrix": [[1, 2]]}}, "covariance_not_square", "noise"),
    ({"theta": [1, 2], "noise": {"kind": "covariance", "matrix": [[1, 2], [2, 1]]}}, "covariance_not_psd", "noise"),
    (
        {"theta": [1, 2], "noise": {"kind": "covariance", "matrix": [[1, 1], [0, 1]]}},
        "covariance_not_symmetric",
        "noise",
    ),
    (
        {"theta": [1, 2], "noise": {"kind": "covariance", "matrix": [[1, 1], [1, 1]]}, "want": ["jacobian"]},
        "covariance_singular",
        "noise",
    ),
    ({"solver": "topk"}, "missing_field", "k"),
    ({"solver": "topk", "k": 5}, "k_out_of_range", "k"),
    ({"k": 2}, "not_for_this_solver", "k"),
    ({"solver": "nearest"}, "unknown_choice", "solver"),
    ({"num_samples": 99}, "out_of_range", "num_samples"),
    ({"num_samples": 100.5}, "out_of_range", "num_samples"),
    ({"seed": -1}, "out_of_range", "seed"),
    ({"target_se": 0}, "out_of_range", "target_se"),
    ({"control_variate": 1}, "not_boolean", "control_variate"),
    ({"want": []}, "unknown_choice", "want"),
    ({"want": ["hessian"]}, "unknown_choice", "want"),
    ({"want": 5}, "unknown_choice", "want"),
    ({"want": "mean"}, "unknown_choice", "want"),
    ({"solver": "grid_path", "theta": None, "costs": [[1, 2]], "grid": [8]}, "unknown_field", "grid"),
    ({"solver": "grid_path", "theta": None, "costs": [[1, 2]], "grid": {"neighbours": [8]}}, "unknown_choice", "grid"),
    ({"solver": "graph_path", "theta": None, "costs": [1, 2], "edges": [1, 2]}, "edges_malformed", "edges"),
    ({"solver": "graph_path", "theta": None, "costs": [1], "edges": [["a", "b"]]}, "edges_malformed", "edges"),
    ({"solver": "graph_path", "theta": None, "costs": [1], "edges": 7}, "missing_field", "edges"),
    ({"noise": [1]}, "not_an_object", "noise"),
    ({"want": ["fy"]}, "missing_field", "y_true"),
    ({"want": ["vjp"]}, "missing_field", "cotangent"),
    ({"want": ["fy"], "y_true": [1, 1, 0, 0, 0]}, "y_true_infeasible", "y_true"),
    ({"want": ["fy"], "y_true": [2, -1, 0, 0, 0]}, "y_true_infeasible", "y_true"),
    ({"want": ["fy"], "y_true": [1, 0]}, "wrong_length", "y_true"),
    ({"solver": "assignment", "theta": [[1, 2, 3], [4, 5, 6]]}, "not_square", "theta"),
    ({"solver": "grid_path", "theta": [[1, 2]]}, "theta_or_costs", "theta"),
    ({"solver": "grid_path", "theta": None, "costs": [[1, -2]]}, "negative_costs", "costs"),
    ({"solver": "grid_path", "theta": None, "costs": [[1, 2]], "grid": {"neighbours": 6}}, "unknown_choice", "grid"),
    ({"solver": "graph_path", "theta": None, "costs": [1]}, "missing_field", "edges"),
    ({"solver": "graph_path", "theta": None, "costs": [1, 2], "edges": [[0, 1]]}, "wrong_length", "costs"),
    ({"solver": "graph_path", "theta": None, "costs": [1], "edges": [[1, 0]]}, "graph_disconnected", "edges"),
    ({"size": 3}, "unknown_field", "size"),
]


@pytest.mark.parametrize(("change", "code", "field"), REFUSED, ids=[f"{c}-{f}" for _, c, f in REFUSED])
def test_what_cannot_be_answered_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    body = {"solver": "argmax", "theta": THETA, "noise": NORMAL, **change}
    with pytest.raises(AnalysisError) as caught:
        optimizer.from_json({key: value for key, value in body.items() if value is not None})
    assert (caught.value.code, caught.value.field) == (code, field)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(AnalysisError, match="noise") as caught:
        optimizer.from_json({"solver": "argmax", "theta": THETA})
    assert (caught.value.code, caught.value.field) == ("missing_field", "noise")


def test_what_would_take_too_long_is_refused_before_it_starts() -> None:
    body = {"solver": "argmax", "theta": [0.0] * (LARGEST_JACOBIAN + 1), "noise": NORMAL}
    with pytest.raises(TooLargeError) as caught:
        optimizer.from_json({**body, "want": ["jacobian"]})
    assert caught.value.code == "jacobian_too_large"
    request = optimizer.from_json({**body, "theta": [0.0] * 100_000, "num_samples": 10**6})
    with pytest.raises(TooLargeError):
        optimizer.run(request)
    assert optimizer.predicted_seconds(request) > optimizer.predicted_seconds(replace(request, num_samples=100))
    with pytest.raises(TooLargeError):
        optimizer.from_json({**body, "theta": [0.0] * 100_001})


def test_the_example_works_as_it_stands() -> None:
    body = run(**optimizer.EXAMPLE).to_json()
    assert body["verdict"] == "checked"
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert optimizer.QUESTION.endswith("?")
