"""The optimizers that can be perturbed."""

from ldp_core.analysis.perturbed.solvers.assignment import Assignment
from ldp_core.analysis.perturbed.solvers.base import Solver
from ldp_core.analysis.perturbed.solvers.paths import GraphPath, GridPath
from ldp_core.analysis.perturbed.solvers.selection import Argmax, Ranks, TopK

__all__ = ["Argmax", "Assignment", "GraphPath", "GridPath", "Ranks", "Solver", "TopK"]
