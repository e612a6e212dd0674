"""Why an analysis request is refused, in words for people and in codes for programs.

ParameterError
└── AnalysisError        a request that cannot be answered: `code` says why, `field` where
    └── TooLargeError    a request that would take more memory or time than one analysis may
"""

from ldp_core.errors import ParameterError

__all__ = ["AnalysisError", "TooLargeError"]


class AnalysisError(ParameterError):
    """A request that cannot be answered.

    code: stable word for programs, as `out_of_range` · field: the request's field that is at fault, None for the whole.
    """

    def __init__(self, message: str, *, code: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class TooLargeError(AnalysisError):
    """A request that would take more memory or time than one analysis may. Its code is `too_large` unless a method says more."""

    def __init__(self, message: str, *, code: str = "too_large", field: str | None = None) -> None:
        super().__init__(message, code=code, field=field)
