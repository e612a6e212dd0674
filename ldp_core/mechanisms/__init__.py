"""Mechanisms: a frozen description that owns both halves, the phone's randomizer and the server's decoder.

>>> mechanism = create("projective_geometry", epsilon="1", domain_size=1000)
>>> mechanism.parameters, mechanism.report_space, mechanism.report_bits
({'q': 4, 't': 6}, 1365, 11)
"""

from ldp_core.mechanisms.base import Mechanism
from ldp_core.mechanisms.group_share import GroupShare, group_share
from ldp_core.mechanisms.registry import create, list_mechanisms
from ldp_core.mechanisms.tally import Tally

__all__ = ["GroupShare", "Mechanism", "Tally", "create", "group_share", "list_mechanisms"]
