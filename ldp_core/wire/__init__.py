"""What crosses the network: the collection spec that a phone fetches and the batch that it posts."""

from ldp_core.wire.collection_spec import CollectionSpec
from ldp_core.wire.domain import Domain
from ldp_core.wire.reports import PACKED_MEDIA_TYPE, ReportBatch, first_outside
from ldp_core.wire.terms import Limits, Window

__all__ = ["PACKED_MEDIA_TYPE", "CollectionSpec", "Domain", "Limits", "ReportBatch", "Window", "first_outside"]
