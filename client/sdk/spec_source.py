"""Where a device gets a collection's spec from, and everything it checks before it believes one."""

from functools import lru_cache
from urllib.parse import quote

from client.sdk.errors import ServiceRefusal, ServiceUnavailable, SpecRefused
from client.sdk.store import DeviceStore, KeptSpec
from client.sdk.transport import Answer, Transport
from ldp_core.errors import SpecError
from ldp_core.wire import CollectionSpec
from ldp_core.wire.canonical_json import parse_canonical_json, sha256_hex

__all__ = ["SpecSource"]


class SpecSource:
    """Specs of one service, kept by digest: asked for anew each time, sent anew only when they changed."""

    def __init__(self, transport: Transport, store: DeviceStore) -> None:
        self._transport = transport
        self._store = store

    def fetch(self, collection: str, *, pinned: str | None = None) -> CollectionSpec:
        """The spec of a collection, checked.

        pinned: the digest that the app was shipped with; any other spec is refused. Without a connection
        the spec last seen serves. Raises SpecRefused, ServiceRefusal or ServiceUnavailable.
        """
        service = self._transport.url
        kept = self._store.kept_spec(service, collection)
        fetched = self._fetch(collection, kept)
        if pinned is not None and fetched.digest != pinned.lower():
            raise SpecRefused(
                f"the app expects the spec {pinned} of collection {collection} and the service sent {fetched.digest}; nothing was sent"
            )
        try:
            spec = _parsed(fetched.body, fetched.items)
        except SpecError as error:
            raise SpecRefused(f"the spec of collection {collection} is refused: {error}") from error
        if spec.collection != collection:
            raise SpecRefused(
                f"the service was asked for collection {collection} and sent the spec of {spec.collection}"
            )
        if fetched != kept:
            self._store.keep_spec(service, collection, fetched)
        return spec

    def _fetch(self, collection: str, kept: KeptSpec | None) -> KeptSpec:
        headers = {"If-None-Match": f'"{kept.digest}"'} if kept else {}
        try:
            answer = self._transport.request("GET", f"/c/{quote(collection, safe='')}/spec", headers=headers)
        except ServiceUnavailable:
            if kept is None:
                raise
            return kept
        if answer.status == 304 and kept is not None:
            return kept
        digest = _verified(answer, f"the spec of collection {collection}")
        if kept is not None and digest == kept.digest:
            return kept
        return KeptSpec(digest, answer.body, self._items(collection, answer.body))

    def _items(self, collection: str, raw: bytes) -> bytes | None:
        """The bytes of the items, where the spec names an address for them."""
        try:
            document = parse_canonical_json(raw)
        except SpecError as error:
            raise SpecRefused(f"the spec of collection {collection} is refused: {error}") from error
        if not isinstance(document, dict) or "items_url" not in document:
            return None
        answer = self._transport.request("GET", self._path(str(document["items_url"])))
        if _verified(answer, f"the items of collection {collection}") != document.get("items_digest"):
            raise SpecRefused(f"the items of collection {collection} are not those that its spec names")
        return answer.body

    def _path(self, items_url: str) -> str:
        """The path of the items at this service: a spec must not send phones elsewhere."""
        path = items_url.removeprefix(self._transport.url)
        if not path.startswith("/") or path.startswith("//"):
            raise SpecRefused("the spec names an address for its items that is not at the service itself")
        return path


def _verified(answer: Answer, what: str) -> str:
    """The digest of a body, which must be the one that its ETag states."""
    if answer.status != 200:
        raise ServiceRefusal(answer.problem)
    digest = sha256_hex(answer.body)
    stated = answer.headers.get("etag", "").removeprefix("W/").strip('"')
    if stated != digest:
        raise SpecRefused(
            f"{what} hashes to {digest} and the service stated {stated or 'nothing'}; it was changed on its way"
        )
    return digest


@lru_cache(maxsize=8)
def _parsed(raw: bytes, items: bytes | None) -> CollectionSpec:
    return CollectionSpec.parse(raw, items=items)
