"""Block designs: which messages support which item."""

from ldp_core.designs.base import BlockDesign
from ldp_core.designs.projective import ProjectiveDesign, choose_projective_design

__all__ = ["BlockDesign", "ProjectiveDesign", "choose_projective_design"]
