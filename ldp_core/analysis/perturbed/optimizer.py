"""A perturbed optimizer: the mean solution under noise, its value, its derivatives and the Fenchel-Young loss.

Berthet et al. 2020, "Learning with Differentiable Perturbed Optimizers".
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ldp_core.analysis.perturbed.closed_forms import closed_form, closed_form_seconds
from ldp_core.analysis.perturbed.fenchel_young import fenchel_young_loss
from ldp_core.analysis.perturbed.independent import ClosedForm
from ldp_core.analysis.perturbed.monte_carlo import PerturbedSample, sample
from ldp_core.analysis.perturbed.reading import limit_seconds
from ldp_core.analysis.perturbed.request import SCHEMA, PerturbedRequest, from_json
from ldp_core.analysis.progress import Progress, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.types import FloatArray

__all__ = ["EXAMPLE", "METHOD", "QUESTION", "SCHEMA", "TITLE", "VERDICTS", "from_json", "predicted_seconds", "run"]

METHOD = "perturbed"
TITLE = "Choices under noise"
QUESTION = "How often is each solution the best one when the input is noisy, and how does that change with the input?"
EXAMPLE: dict[str, Any] = {
    "solver": "argmax",
    "theta": [-0.6, 1.9, -0.2, 1.1, -1.0],
    "noise": {"kind": "gumbel", "sigma": 0.5},
    "num_samples": 20000,
    "want": ["mean", "value", "jacobian", "fy"],
    "y_true": [0, 1, 0, 0, 0],
    "seed": 1,
}

VERDICTS: Mapping[str, str] = {
    "checked": "the sampled mean and value agree with a closed form",
    "consistent": "there is no closed form; every law that the numbers must obey holds within their errors",
    "imprecise": "a warning applies: the numbers are rougher than they may look",
    "inconsistent": "a law is broken by more than six standard errors; do not use the numbers",
}
_LARGE_ERROR = 0.02
_CLIPPED = 0.01
_DISAGREEMENT = 6.0  # standard errors; one false alarm in 5e8 for one entry
_SECONDS_PER_PRODUCT = 2e-10
_SECONDS_PER_VJP_ENTRY = 1e-8
_SECONDS_PER_COVARIANCE_ENTRY = 4e-10
_LARGEST_HEAT_MAP = 64


def predicted_seconds(request: PerturbedRequest) -> float:
    """Linear in the samples: solves with their noise, outer products for the Jacobian, and the closed form."""
    d = request.point.size
    each = request.optimizer.seconds_per_solve
    each += 2 * _SECONDS_PER_PRODUCT * d * d if "jacobian" in request.want else 0.0
    each += _SECONDS_PER_VJP_ENTRY * d if "vjp" in request.want else 0.0
    each += _SECONDS_PER_COVARIANCE_ENTRY * d * d if request.law.kind == "covariance" else 0.0
    exact = closed_form_seconds(request.optimizer, request.point, request.law, jacobian="jacobian" in request.want)
    return 0.01 + each * request.num_samples + exact


def run(request: PerturbedRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Sample, compare with the closed form where there is one, and say whether the numbers can be relied on.

    Raises TooLargeError when the predicted time is beyond the limit.
    """
    limit_seconds(predicted_seconds(request), "num_samples")
    want_jacobian = "jacobian" in request.want
    drawn = sample(
        request.optimizer,
        request.point,
        request.law,
        samples=request.num_samples,
        rng=np.random.default_rng(request.seed),
        jacobian=want_jacobian,
        cotangent=request.shaped("cotangent") if request.cotangent is not None else None,
        control_variate=request.control_variate,
        target_se=request.target_se,
        progress=progress,
    )
    exact = None
    if drawn.clipped == 0:
        exact = closed_form(request.optimizer, request.point, request.law, jacobian=want_jacobian)
    diagnostics = _diagnostics(request, drawn, exact)
    warnings = _warnings(request, drawn)
    return AnalysisResult(
        method=METHOD,
        params_effective=request.parameters,
        verdict=_verdict(diagnostics, warnings, exact),
        result=_answer(request, drawn, exact),
        diagnostics=diagnostics,
        seed=request.seed,
        warnings=warnings,
        series=_series(request, drawn, exact),
    )


def _answer(request: PerturbedRequest, drawn: PerturbedSample, exact: ClosedForm | None) -> dict[str, Any]:
    shape = request.optimizer.shape
    answer: dict[str, Any] = {"hard_solution": drawn.hard.reshape(shape)}
    if "mean" in request.want:
        answer |= {"mean": drawn.mean.reshape(shape), "mean_se": drawn.mean_se.reshape(shape)}
    if "value" in request.want:
        answer |= {"value": drawn.value, "value_se": drawn.value_se}
    if "jacobian" in request.want:
        answer |= {"jacobian": drawn.jacobian, "jacobian_se": drawn.jacobian_se}
    if drawn.vjp is not None and drawn.vjp_se is not None:
        answer |= {"vjp": drawn.vjp.reshape(shape), "vjp_se": drawn.vjp_se.reshape(shape)}
    if request.y_true is not None:
        answer |= _loss(request, drawn, exact)
    known = exact._asdict() if exact is not None else {}
    kept = {name: value for name, value in known.items() if name in request.want and value is not None}
    if "mean" in kept:
        kept["mean"] = kept["mean"].reshape(shape)
    return answer | {"exact": kept or None}


def _loss(request: PerturbedRequest, drawn: PerturbedSample, exact: ClosedForm | None) -> dict[str, Any]:
    """The loss, from the exact value where it is known, and its gradient by theta."""
    y = request.shaped("y_true")
    value, error = drawn.value, drawn.value_se
    mean, mean_error = drawn.mean, drawn.mean_se
    if exact is not None:
        mean, mean_error = exact.mean, np.zeros_like(exact.mean)
        value, error = (value, error) if exact.value is None else (exact.value, 0.0)
    loss = fenchel_young_loss(request.optimizer, request.point, request.law, y, value, error)
    shape = request.optimizer.shape
    return {
        "fy_value" if loss.exact_constant else "fy_loss_up_to_constant": loss.value,
        "fy_se": loss.standard_error,
        "fy_gradient": (mean - y).reshape(shape),
        "fy_gradient_se": mean_error.reshape(shape),
    }


def _diagnostics(request: PerturbedRequest, drawn: PerturbedSample, exact: ClosedForm | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "samples": drawn.samples,
        "max_se": float(drawn.mean_se.max()),
        "distinct_solutions": drawn.distinct,
        "feasibility_residual": request.optimizer.residual(drawn.mean),
        "clipped_fraction": drawn.clipped,
        "derivatives_by": "theta = -costs" if request.theta is None else "theta",
    }
    if drawn.jacobian is not None and drawn.jacobian_se is not None:
        symmetric = (drawn.jacobian + drawn.jacobian.T) / 2
        found["jacobian_asymmetry_z"] = _asymmetry(drawn.jacobian, drawn.jacobian_se)
        found["min_eigenvalue"] = float(np.linalg.eigvalsh(symmetric)[0])
    if exact is not None:
        found["max_z_vs_exact"] = _worst_z(drawn, exact)
    return found


def _asymmetry(jacobian: FloatArray, errors: FloatArray) -> float:
    """The largest |J_ij - J_ji| in standard errors."""
    gap, se = np.abs(jacobian - jacobian.T), np.hypot(errors, errors.T)
    return float(np.divide(gap, se, out=np.zeros_like(gap), where=se > 0).max())


def _worst_z(drawn: PerturbedSample, exact: ClosedForm) -> float:
    """The largest |mean - exact| in standard errors.

    Entries that change rarely have no standard error of their own to speak of. If they differ from the hard solution in a
    share q of all draws, the error is at least sqrt(q (1 - q) / M), and never less than one draw's.
    """
    M = drawn.samples
    q = np.abs(exact.mean - drawn.hard)
    errors = np.maximum(drawn.mean_se, np.sqrt(np.maximum(q * np.maximum(1 - q, 0), 1 / M) / M))
    z = float((np.abs(drawn.mean - exact.mean) / errors).max())
    if exact.value is None or drawn.value_se == 0:
        return z
    return max(z, abs(drawn.value - exact.value) / drawn.value_se)


def _warnings(request: PerturbedRequest, drawn: PerturbedSample) -> tuple[str, ...]:
    told = {
        "sigma_too_small": drawn.distinct == 1,
        "mc_error_large": drawn.mean_se.max() > _LARGE_ERROR * request.optimizer.spread,
        "costs_clipped": drawn.clipped > _CLIPPED,
    }
    return tuple(code for code, said in told.items() if said)


def _verdict(diagnostics: dict[str, Any], warnings: tuple[str, ...], exact: ClosedForm | None) -> str:
    broken = (
        diagnostics["feasibility_residual"] > 1e-6
        or diagnostics.get("max_z_vs_exact", 0.0) > _DISAGREEMENT
        or diagnostics.get("jacobian_asymmetry_z", 0.0) > _DISAGREEMENT
    )
    if broken:
        return "inconsistent"
    if warnings:
        return "imprecise"
    return "consistent" if exact is None else "checked"


def _series(request: PerturbedRequest, drawn: PerturbedSample, exact: ClosedForm | None) -> dict[str, Series]:
    shape, d = request.optimizer.shape, len(drawn.mean)
    columns: dict[str, Any] = {"entry": np.arange(d), "theta": request.point, "hard": drawn.hard}
    columns |= {"mean": drawn.mean, "se": drawn.mean_se}
    if exact is not None:
        columns["exact"] = exact.mean
    if len(shape) == 2:
        columns["row"], columns["column"] = (index.ravel() for index in np.indices(shape))
    series = {"mean": Series(columns, "entry", "entry of theta", "mean solution")}
    if drawn.jacobian is not None and d <= _LARGEST_HEAT_MAP:
        row, column = (index.ravel() for index in np.indices((d, d)))
        heat: dict[str, Any] = {"row": row, "column": column, "derivative": drawn.jacobian.ravel()}
        series["jacobian"] = Series(heat, "column", "by theta of entry", "of the mean of entry")
    return series
