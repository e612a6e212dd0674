"""What a fit of attention is asked with: rows of tokens, an outcome for each, and how to look."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, boolean, choice, integer, real, reals, request_from_json
from ldp_core.analysis.single_location.attention import ATTENTIONS
from ldp_core.errors import EpsilonError
from ldp_core.labels import OneBitOutcome
from ldp_core.privacy.epsilon import EpsilonLike, format_epsilon, parse_epsilon
from ldp_core.types import FloatArray, IntArray

__all__ = ["SCHEMA", "FitRequest", "from_json"]

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "X": schema.rows("Tokens", "one row of L tokens with d coordinates for each outcome", 3, minItems=50),
        "y": schema.numbers(
            "Outcomes", "one for each row, null where there is none; bits 0 and 1 where they are private", minItems=50
        ),
        "attention": schema.one_of("Attention", "softmax to fit data; erf as in the theory", ATTENTIONS, "softmax"),
        "lambda_grid": schema.optional(
            schema.numbers(
                "Lambdas", "sharpness values to try, in units of one over the token deviation", minItems=1, maxItems=10
            )
        ),
        "starts": schema.integer("Starts", "at each lambda", 1, 10, 3),
        "moments_start": schema.flag("Mean-token start", "one of the starts is the mean token", True),
        "ridge": schema.number("Ridge", "penalty of the read-out", 0, 1e6, 1e-3, above=True),
        "standardize": schema.one_of(
            "Scale", "divide all tokens by one scale, or leave them", ("tokens", "none"), "tokens"
        ),
        "split": schema.numbers(
            "Split", "shares for training, validation and test", minItems=3, maxItems=3, default=[0.6, 0.2, 0.2]
        ),
        "permutations": schema.integer("Permutations", "of the test of no effect", 99, 9999, 199),
        "return_attention_for": {
            "type": "array",
            "title": "Rows to show",
            "description": "row numbers whose attention is returned",
            "items": {"type": "integer", "minimum": 0},
            "maxItems": 50,
            "default": [],
        },
        "label_epsilon": {
            "type": ["string", "number", "null"],
            "title": "Epsilon of the outcomes",
            "description": "where each outcome is one private bit; with the bound",
            "default": None,
        },
        "label_bound": schema.optional(
            schema.number("Bound of the outcomes", "they were clipped to -bound..bound", 0, 1e12, above=True)
        ),
        "seed": schema.seed(),
    },
    required=("X", "y"),
)

LARGEST_INPUT = 20_000_000
"""Most numbers in X."""

_GRIDS = {"softmax": (1.0, 2.0, 4.0), "erf": (0.05, 0.1, 0.2, 0.4)}


@dataclass(frozen=True, eq=False)
class FitRequest:
    """X: (n, L, d) tokens · y: (n,) outcomes, None for a row without one, or bits 0 and 1 where label_epsilon and label_bound say how they were made private ·
    attention: softmax or erf · lambda_grid: tried values, in units of 1 / token deviation · starts: of each, 1..10 ·
    moments_start: one of them is the mean token · ridge: penalty of the read-out · standardize: tokens (one scale) or none ·
    split: shares for training, validation, test · permutations: of the test · return_attention_for: row numbers · seed.

    Raises AnalysisError or, above 20 million numbers, TooLargeError.
    """

    X: FloatArray
    y: FloatArray
    attention: str = "softmax"
    lambda_grid: tuple[float, ...] | None = None
    starts: int = 3
    moments_start: bool = True
    ridge: float = 1e-3
    standardize: str = "tokens"
    split: tuple[float, ...] = (0.6, 0.2, 0.2)
    permutations: int = 199
    return_attention_for: tuple[int, ...] = ()
    label_epsilon: EpsilonLike | None = None
    label_bound: float | None = None
    seed: int = 0
    answered: IntArray = field(init=False)
    """Numbers of the rows that have an outcome."""

    def __post_init__(self) -> None:
        choice("attention", self.attention, ATTENTIONS)
        choice("standardize", self.standardize, ("tokens", "none"))
        grid = _GRIDS[self.attention] if self.lambda_grid is None else self.lambda_grid
        values: dict[str, Any] = {
            "lambda_grid": reals("lambda_grid", grid, 0, 1e4, above=True, count=(1, 10)),
            "starts": integer("starts", self.starts, 1, 10),
            "moments_start": boolean("moments_start", self.moments_start),
            "ridge": real("ridge", self.ridge, 0, 1e6, above=True),
            "split": reals("split", self.split, 0.05, 0.9, count=(3, 3)),
            "permutations": integer("permutations", self.permutations, 99, 9999),
            "seed": integer("seed", self.seed, 0, 2**63 - 1),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if abs(sum(self.split) - 1) > 1e-9:
            raise AnalysisError(f"split must sum to 1, got {sum(self.split):g}", code="out_of_range", field="split")
        _check_size(self.X)
        object.__setattr__(self, "X", array("X", self.X, 3))
        self._set_outcomes()
        self._check_rows()
        self._check_labels()

    def _set_outcomes(self) -> None:
        """y as floats with a zero where there is no outcome, and the rows that have one."""
        given = list(self.y) if isinstance(self.y, list | tuple) else self.y
        known = (
            [value is not None for value in given] if isinstance(given, list) else np.full(np.shape(given)[:1], True)
        )
        if isinstance(given, list):
            given = [0.0 if value is None else value for value in given]
        object.__setattr__(self, "y", array("y", given, 1))
        object.__setattr__(self, "answered", np.flatnonzero(known))

    def _check_rows(self) -> None:
        n, L, d = self.X.shape
        if len(self.y) != n:
            raise AnalysisError(
                f"y must have one outcome for each of the {n} rows, got {len(self.y)}", code="wrong_shape", field="y"
            )
        for name, value, least, code in (
            ("X", len(self.answered), 50, "too_few_rows"),
            ("X", L, 2, "too_few_tokens"),
            ("X", d, 1, "wrong_shape"),
        ):
            if value < least:
                kind = {"too_few_rows": "rows with an outcome", "too_few_tokens": "tokens in each row"}.get(
                    code, "coordinates of each token"
                )
                raise AnalysisError(f"X must have at least {least} {kind}, got {value}", code=code, field=name)
        if np.ptp(self.y[self.answered]) == 0:
            raise AnalysisError("y is the same in every row, so nothing can explain it", code="constant_y", field="y")
        if np.ptp(self.X) == 0:
            raise AnalysisError("all numbers of X are the same, so X can explain nothing", code="constant_x", field="X")
        if not isinstance(self.return_attention_for, list | tuple) or len(self.return_attention_for) > 50:
            raise AnalysisError(
                "return_attention_for is a list of at most 50 row numbers",
                code="out_of_range",
                field="return_attention_for",
            )
        rows = tuple(integer("return_attention_for", row, 0, n - 1) for row in self.return_attention_for)
        object.__setattr__(self, "return_attention_for", rows)

    def _check_labels(self) -> None:
        if (self.label_epsilon is None) != (self.label_bound is None):
            missing = "label_epsilon" if self.label_epsilon is None else "label_bound"
            raise AnalysisError(
                "private outcomes need both label_epsilon and label_bound", code="missing_field", field=missing
            )
        if self.label_bound is None:
            return
        object.__setattr__(self, "label_bound", real("label_bound", self.label_bound, 0, 1e12, above=True))
        assert self.label_epsilon is not None
        try:
            object.__setattr__(self, "label_epsilon", format_epsilon(parse_epsilon(self.label_epsilon)))
        except EpsilonError as error:
            raise AnalysisError(str(error), code="out_of_range", field="label_epsilon") from error
        if not np.isin(self.y, (0, 1)).all():
            raise AnalysisError("private outcomes are bits: every y must be 0 or 1", code="out_of_range", field="y")

    @property
    def private_outcome(self) -> OneBitOutcome | None:
        """How the outcomes were made private, None where they were not."""
        if self.label_epsilon is None or self.label_bound is None:
            return None
        return OneBitOutcome(self.label_epsilon, self.label_bound)


def _check_size(X: object) -> None:
    """Refuse what is too large before it is copied to an array."""
    size = 1
    if isinstance(X, np.ndarray):
        size = X.size
    else:
        level: Any = X
        while isinstance(level, list | tuple) and level:
            size, level = size * len(level), level[0]
    if size > LARGEST_INPUT:
        raise TooLargeError(f"X may hold at most {LARGEST_INPUT} numbers, got {size}; take fewer rows", field="X")


def from_json(body: object) -> FitRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(FitRequest, body)
