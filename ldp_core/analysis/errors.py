"""Refusals of the analysis methods, with what a caller needs to say them over HTTP."""

from ldp_core.errors import ParameterError

__all__ = ["AnalysisError", "TooLargeError"]


class AnalysisError(ParameterError):
    """A request that a method cannot answer. `code` is a stable machine word, `field` the part of the request at fault."""

    def __init__(self, message: str, *, code: str, field: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class TooLargeError(AnalysisError):
    """A request that would take more time or memory than a method gives. Raised before either is taken."""
