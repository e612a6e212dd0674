"""Taking an upload: everything between the bytes of a request and the writer.

What does not change about a collection is remembered for some seconds, so an upload reads no table before its commit. The state
does change, and only the transaction that counts an upload decides by it.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from server.refusals import DatabaseUnavailable, InsufficientScope, RateLimited, UnsupportedMediaType
from server.services.batches import PARSERS, batch_hashes, check_batch
from server.services.lifecycle import unknown_collection
from server.services.rate_limit import RateLimit
from server.services.specs import IntakeTerms, intake_terms
from server.services.tokens import Scope, Tokens, token_sha256
from server.services.windows import counting_window
from server.services.writer import GroupCommitWriter, Receipt, Upload
from server.storage.collections import list_versions
from server.storage.database import Database
from server.storage.reports import NO_WINDOW
from server.storage.tokens import ingest_hashes

__all__ = ["Intake", "IntakeView"]

_REMEMBERED_SECONDS = 10.0
_REMEMBERED_COLLECTIONS = 4_096
_PATIENCE_SECONDS = 20.0
_DAY = 86_400


class IntakeView(NamedTuple):
    """What an upload needs to know about its collection.

    spec_digest: of the current version · versions: number and terms of each, by digest · write_keys: the end of each, by hash ·
    read_at: seconds of the monotonic clock.
    """

    id: str
    collection: int
    spec_digest: str
    versions: Mapping[str, tuple[int, IntakeTerms]]
    write_keys: Mapping[bytes, float]
    read_at: float

    @property
    def terms(self) -> IntakeTerms:
        """What an upload under the current version must keep to."""
        return self.versions[self.spec_digest][1]

    def find(self, spec: str | bytes) -> str | None:
        """The digest of the version that a batch was made under: it states all of it, or in bytes how it begins."""
        if isinstance(spec, str):
            return spec if spec in self.versions else None
        begin = spec.hex()
        if self.spec_digest.startswith(begin):
            return self.spec_digest
        return next((digest for digest in self.versions if digest.startswith(begin)), None)


class Intake:
    """Checks uploads and hands them to the writer.

    window_grace_seconds: how long after its end batches that name a window count in it · clock: seconds since 1970, by which
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
        self._reading: dict[str, asyncio.Task[IntakeView]] = {}
        self._noting: set[tuple[bytes, int]] = set()

    async def authorize(self, collection_id: str, token: str | None) -> IntakeView:
        """The collection, if the token is one of its write keys.

        Raises UnknownCollection, UnknownToken, InsufficientScope, or RateLimited when its uploads come too fast.
        """
        view = self._views.get(collection_id)
        if view is None or time.monotonic() - view.read_at > _REMEMBERED_SECONDS:
            view = await self._read_once(collection_id)
        digest = b"" if token is None else token_sha256(token)
        now = self._clock()
        # found by the hash of 256 random bits: how long that takes tells nothing about them
        if not now < view.write_keys.get(digest, 0):
            await asyncio.to_thread(self._refuse, token, view)
        day = _use_day(now, view.terms)
        if not self._tokens.use_is_noted(digest, day) and (digest, day) not in self._noting:
            await self._note(digest, day)
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
        found = view.find(batch.spec)
        if found is None:  # perhaps a version newer than the view
            view = await asyncio.to_thread(self._read, view.id)
            self._remember(view.id, view)
            found = view.find(batch.spec)
        digest = view.spec_digest if found is None else found
        version, terms = view.versions[digest]
        # an earlier version passes: it may be a retry of what that version counted, and the writer knows
        messages = check_batch(batch, terms, digest)
        key_hash, body_hash = batch_hashes(batch.key, messages, window=batch.window, cohort=batch.cohort)
        return await self._writer.submit(
            Upload(
                collection=view.collection,
                version=version,
                window_index=counting_window(
                    batch.window,
                    now=self._clock(),
                    window_seconds=terms.window_seconds,
                    grace_seconds=self._grace_seconds,
                ),
                key_hash=key_hash,
                body_hash=body_hash,
                messages=messages,
                reports=len(batch.messages),
                named_window=NO_WINDOW if batch.window is None else batch.window,
                window_seconds=terms.window_seconds,
                cohort=batch.cohort or 0,
            )
        )

    def window_now(self, collection_id: str) -> tuple[int, int] | None:
        """Length in seconds and index of the window of arrival of a collection that uploads have asked for, None for others."""
        view = self._views.get(collection_id)
        if view is None:
            return None
        seconds = view.terms.window_seconds
        return seconds, int(self._clock()) // seconds

    def forget(self, collection_id: str) -> None:
        """Read this collection anew before its next upload. Other processes do so within some seconds."""
        self._views.pop(collection_id, None)
        self._reading.pop(collection_id, None)

    async def _read_once(self, collection_id: str) -> IntakeView:
        """Read a collection for all uploads that need it at this moment: while the database is slow they would fill the threads, and wait
        one behind the other for longer than any queue here may last."""
        reading = self._reading.get(collection_id)
        if reading is None:
            reading = self._reading[collection_id] = asyncio.create_task(asyncio.to_thread(self._read, collection_id))
            reading.add_done_callback(lambda task: self._was_read(collection_id, task))
        done, _ = await asyncio.wait([reading], timeout=_PATIENCE_SECONDS)  # whoever goes away stops it for no other
        if not done:
            raise DatabaseUnavailable("the database does not answer; send this upload again, unchanged, in a moment")
        return reading.result()

    def _was_read(self, collection_id: str, reading: "asyncio.Task[IntakeView]") -> None:
        if self._reading.get(collection_id) is reading:  # else it was forgotten in the meantime, and may be old
            del self._reading[collection_id]
            if not reading.cancelled() and reading.exception() is None:
                self._remember(collection_id, reading.result())

    async def _note(self, digest: bytes, day: int) -> None:
        """Write down the use of a key. One upload does it and waits for it, but not without end; the others go on."""
        self._noting.add((digest, day))
        noting = asyncio.create_task(asyncio.to_thread(self._tokens.note_use, digest, day))
        noting.add_done_callback(lambda _: self._noting.discard((digest, day)))
        if (await asyncio.wait([noting], timeout=_PATIENCE_SECONDS))[0]:
            noting.result()

    def _read(self, collection_id: str) -> IntakeView:
        with self._database.read() as connection:
            rows = list_versions(connection, collection_id)
            if not rows:
                raise unknown_collection()
            keys = {
                digest: math.inf if ends is None else ends
                for digest, ends in ingest_hashes(connection, rows[-1].number)
            }
        versions = {row.spec_digest: (row.version_number, intake_terms(row.spec)) for row in rows}
        return IntakeView(collection_id, rows[-1].number, rows[-1].spec_digest, versions, keys, time.monotonic())

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


def _use_day(now: float, terms: IntakeTerms) -> int:
    """The day on which a write key counts as used: where windows are longer than a day, the first day of the window."""
    coarse = max(_DAY, terms.window_seconds)
    return int(now) // coarse * coarse // _DAY
