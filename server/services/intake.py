"""Taking an upload: everything between the bytes of a request and the writer.

What does not change about a collection is remembered for some seconds, so an upload reads no table before its commit. The state
does change, and only the transaction that counts an upload decides by it.
"""

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from server.refusals import InsufficientScope, RateLimited, UnsupportedMediaType
from server.services.batches import PARSERS, batch_hashes, check_batch
from server.services.collections import unknown_collection
from server.services.rate_limit import RateLimit
from server.services.specs import IntakeTerms, intake_terms
from server.services.tokens import Scope, Tokens, token_sha256
from server.services.windows import place_upload
from server.services.writer import GroupCommitWriter, Receipt, Upload
from server.storage.collections import find_collection
from server.storage.database import Database
from server.storage.tokens import ingest_hashes

__all__ = ["Intake", "IntakeView"]

_REMEMBERED_SECONDS = 10.0
_REMEMBERED_COLLECTIONS = 4_096


class IntakeView(NamedTuple):
    """What an upload needs to know about its collection. `read_at`: seconds of the monotonic clock."""

    collection: int
    version: int
    spec_digest: str
    terms: IntakeTerms
    write_keys: tuple[bytes, ...]
    read_at: float


class Intake:
    """Checks uploads and hands them to the writer.

    window_grace_seconds: how long after its end a window takes batches that state it · clock: seconds since 1970, by which
    windows are told.
    """

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        writer: GroupCommitWriter,
        *,
        uploads_per_second: float | None = None,
        window_grace_seconds: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._writer = writer
        self._grace_seconds = window_grace_seconds
        self._clock = clock
        self._rate = RateLimit(uploads_per_second, time.monotonic)
        self._views: OrderedDict[str, IntakeView] = OrderedDict()

    async def authorize(self, collection_id: str, token: str | None) -> IntakeView:
        """The collection, if the token is one of its write keys.

        Raises UnknownCollection, UnknownToken, InsufficientScope, or RateLimited when its uploads come too fast.
        """
        view = self._views.get(collection_id)
        if view is None or time.monotonic() - view.read_at > _REMEMBERED_SECONDS:
            view = await asyncio.to_thread(self._read, collection_id)
            self._remember(collection_id, view)
        digest = b"" if token is None else token_sha256(token)
        if not any(hmac.compare_digest(digest, known) for known in view.write_keys):
            await asyncio.to_thread(self._refuse, token, view)
        if not self._rate.allows(view.collection):
            raise RateLimited(
                "uploads to this collection come too fast; send this one again, unchanged, a little later"
            )
        return view

    async def accept(self, view: IntakeView, media_type: str, body: bytes) -> Receipt:
        """Count an upload, durably. Raises the refusals of `check_batch` and of the writer."""
        parse = PARSERS.get(media_type)
        if parse is None:
            raise UnsupportedMediaType(
                f"uploads are {' or '.join(PARSERS)}, got {media_type or 'no Content-Type'}", supported=list(PARSERS)
            )
        batch = parse(body)
        messages = check_batch(batch, view.terms, view.spec_digest)
        key_hash, body_hash = batch_hashes(batch.key, messages, window=batch.window, cohort=batch.cohort)
        placed = place_upload(
            batch.window,
            now=self._clock(),
            window_seconds=view.terms.window_seconds,
            grace_seconds=self._grace_seconds,
        )
        return await self._writer.submit(
            Upload(
                view.collection,
                view.version,
                placed.window,
                key_hash,
                body_hash,
                messages,
                len(batch.messages),
                placed.refusal,
                batch.cohort or 0,
            )
        )

    def _read(self, collection_id: str) -> IntakeView:
        with self._database.read() as connection:
            row = find_collection(connection, collection_id)
            if row is None:
                raise unknown_collection()
            keys = ingest_hashes(connection, row.number)
        return IntakeView(
            row.number, row.version_number, row.spec_digest, intake_terms(row.spec), keys, time.monotonic()
        )

    def _remember(self, collection_id: str, view: IntakeView) -> None:
        self._views[collection_id] = view
        self._views.move_to_end(collection_id)
        while len(self._views) > _REMEMBERED_COLLECTIONS:
            self._views.popitem(last=False)

    def _refuse(self, token: str | None, view: IntakeView) -> None:
        principal = self._tokens.principal(token)
        if principal.scope is Scope.INGEST and principal.collection == view.collection:
            return  # a write key made after the view was read
        raise InsufficientScope(
            "uploads need the write key of this collection, and the token sent is for something else"
        )
