"""Optimization methods that answer questions about a decoded histogram, and about how such methods behave.

Each method is a pure function of its parameters and a seed; it returns an `AnalysisResult` whose verdict can be trusted
because its diagnostics are part of it.
"""

from ldp_core.analysis.progress import Cancelled, Progress, Step
from ldp_core.analysis.result import AnalysisResult, Series

__all__ = ["AnalysisResult", "Cancelled", "Progress", "Series", "Step"]
