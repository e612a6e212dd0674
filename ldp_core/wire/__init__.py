"""What crosses the network: the collection spec that a phone fetches and the batch that it posts."""

from ldp_core.wire.collection_spec import CollectionSpec, Limits, Window
from ldp_core.wire.domain import Domain

__all__ = ["CollectionSpec", "Domain", "Limits", "Window"]
