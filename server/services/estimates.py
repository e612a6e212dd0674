"""Estimates of a collection: tally, decode, remember.

Everything here runs in one thread of its own. That keeps the event loop free, decodes the same counts only once, and is what the
compiled decoder needs: its own threads serve one caller at a time in a process.
"""

import gc
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ldp_core.decoding import compile_kernels
from ldp_core.estimation import Estimate
from ldp_core.mechanisms import Mechanism, Tally
from server.refusals import InvalidParameters, NotEnoughReports
from server.services.collections import Collections
from server.services.specs import counter_of, histogram_tally, mechanism_of
from server.services.tallies import Tallies, counts_digest
from server.services.windows import selection_of
from server.storage.collections import CollectionRow
from server.storage.database import Database
from server.storage.tallies import Selection

__all__ = ["Asked", "Decoded", "Estimates", "chosen_decoder"]

T = TypeVar("T")

_REMEMBERED = 8
_CLOSE_SECONDS = 1.0
_decoding = threading.Lock()  # across applications in one process, see the module's docstring

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """Which reports, as a client says it (see `selection_of`), and with which decoder; None: all, and the default one."""

    window: str | None = None
    cohort: str | None = None
    decoder: str | None = None


@dataclass(frozen=True, eq=False)
class Decoded:
    """An estimate with what it was made of.

    decode_seconds: how long the decoder took when it ran · tally: what was decoded · asked: the windows and the cohort that were asked for.
    """

    row: CollectionRow
    estimate: Estimate
    counts_digest: str
    decode_seconds: float
    asked: Asked
    tally: Tally


@dataclass
class _Memory:
    """The last results, by spec digest, counts digest and decoder."""

    results: OrderedDict[tuple[str, str, str], Decoded] = field(default_factory=OrderedDict)

    def get(self, key: tuple[str, str, str]) -> Decoded | None:
        if key in self.results:
            self.results.move_to_end(key)
        return self.results.get(key)

    def put(self, key: tuple[str, str, str], decoded: Decoded) -> None:
        self.results[key] = decoded
        while len(self.results) > _REMEMBERED:
            self.results.popitem(last=False)


class Estimates:
    """Decoded histograms of collections, of some of their windows, of one cohort.

    on_decode: told the seconds of each decoding · elsewhere: asked first for an estimate, None when it is to be made here.
    """

    def __init__(
        self,
        database: Database,
        collections: Collections,
        on_decode: Callable[[float], None] = lambda _: None,
        elsewhere: Callable[[Mechanism, Tally, str], Estimate | None] = lambda *_: None,
    ) -> None:
        self._collections = collections
        self._on_decode = on_decode
        self._elsewhere = elsewhere
        self._tallies = Tallies(database)
        self._memory = _Memory()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fano-decode")

    def warm(self) -> None:
        """Compile the decoder in the background, so that no request has to wait for it."""
        self._thread.submit(_compile_decoder)

    def close(self) -> None:
        """Take nothing new and wait a moment for what is being decoded; no report depends on it."""
        last = self._thread.submit(lambda: None)
        wait([last], timeout=_CLOSE_SECONDS)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def submit(
        self, collection_id: str, asked: Asked, render: Callable[[Decoded], T], version: int | None = None
    ) -> "Future[T]":
        """Estimate in the background and hand the result to `render` there.

        The future raises UnknownCollection, NotEnoughReports, or InvalidParameters for what the collection does not have.
        """
        return self._thread.submit(lambda: render(self.decoded(self._collections.get(collection_id, version), asked)))

    def run(
        self, collection_id: str, work: "Callable[[Estimates, CollectionRow], T]", version: int | None = None
    ) -> "Future[T]":
        """Let `work` make estimates of a collection in the background. The future raises UnknownCollection too."""
        return self._thread.submit(lambda: work(self, self._collections.get(collection_id, version)))

    def background(self, work: Callable[[], T]) -> "Future[T]":
        """Let `work`, which decodes something of its own, run in the background thread."""

        def alone() -> T:
            with _decoding:
                return work()

        return self._thread.submit(alone)

    def tally(
        self, collection_id: str, asked: Asked, version: int | None = None
    ) -> "Future[tuple[CollectionRow, Tally]]":
        """The tally that the mechanism decodes, in the background, for work that decodes elsewhere. The future raises as that of `submit` does."""

        return self.counted(
            collection_id, asked, lambda row, counted, _: (row, histogram_tally(row.spec, counted)), version
        )

    def as_counted(
        self, collection_id: str, asked: Asked, version: int | None = None
    ) -> "Future[tuple[CollectionRow, Tally]]":
        """The same with a cell for each message, also where the messages are labels of rows."""
        return self.counted(collection_id, asked, lambda row, counted, _: (row, counted), version)

    def counted(
        self,
        collection_id: str,
        asked: Asked,
        render: Callable[[CollectionRow, Tally, str | None], T],
        version: int | None = None,
    ) -> "Future[T]":
        """Count messages in the background, and hand the row, the tally as it was counted and the window to `render` there.

        The future raises as that of `submit` does.
        """

        def count() -> T:
            row = self._collections.get(collection_id, version)
            selection = selection_of(row.spec, window=asked.window, cohort=asked.cohort)
            return render(row, self._counted(row, selection), asked.window)

        return self._thread.submit(count)

    def _counted(self, row: CollectionRow, selection: Selection, prefix: str = "") -> Tally:
        tally = self._tallies.current(row.version_number, counter_of(row.spec), selection)
        _require_reports(tally.n, row.min_reports, prefix)
        return tally

    def decoded(self, row: CollectionRow, asked: Asked, prefix: str = "") -> Decoded:
        """An estimate of the reports asked for. Only in the background thread, see `run`. prefix: of fields in errors.

        Raises NotEnoughReports, or InvalidParameters for what the collection does not have.
        """
        mechanism = mechanism_of(row.spec)
        selection = selection_of(row.spec, window=asked.window, cohort=asked.cohort, prefix=prefix)
        chosen = chosen_decoder(mechanism, asked.decoder)
        tally = histogram_tally(row.spec, self._counted(row, selection, prefix))
        key = (row.spec_digest, counts_digest(tally), chosen)
        known = self._memory.get(key)
        decoded = known if known is not None else self._decode(key, row, tally)
        return replace(decoded, row=row, asked=asked)

    def windows(self, row: CollectionRow, selection: Selection) -> list[tuple[int, int]]:
        """The windows of a selection that hold reports, each with their number, in order."""
        return self._tallies.windows(row.version_number, selection)

    def tally_once(self, row: CollectionRow, selection: Selection) -> Tally:
        """A tally that is not asked for often enough to be remembered."""
        counted = self._tallies.current(row.version_number, counter_of(row.spec), selection, remember=False)
        return histogram_tally(row.spec, counted)

    def decode(self, row: CollectionRow, tally: Tally, decoder: str) -> Estimate:
        """Decode a tally. Only in the background thread, see `run`."""
        mechanism = mechanism_of(row.spec)
        estimate = self._elsewhere(mechanism, tally, decoder)
        if estimate is not None:
            return estimate
        with _decoding:
            return mechanism.decode(tally, decoder)

    def _decode(self, key: tuple[str, str, str], row: CollectionRow, tally: Tally) -> Decoded:
        _, digest, decoder = key
        start = time.perf_counter()
        estimate = self.decode(row, tally, decoder)
        seconds = time.perf_counter() - start
        decoded = Decoded(row, estimate, digest, seconds, Asked(), tally)
        self._memory.put(key, decoded)
        self._on_decode(seconds)
        return decoded


def chosen_decoder(mechanism: Mechanism, name: str | None) -> str:
    """The decoder of this name, the default one for None. Raises InvalidParameters."""
    chosen = mechanism.decoders[0] if name is None else name
    if chosen not in mechanism.decoders:
        raise InvalidParameters.of("decoder", f"decoder must be one of {', '.join(mechanism.decoders)}; got {chosen!r}")
    return chosen


def _require_reports(have: int, min_reports: int, prefix: str) -> None:
    need = max(1, min_reports)
    if have < need:
        where = f" in {prefix.removesuffix('.')}" if prefix else ""
        raise NotEnoughReports(
            f"there are {have} reports{where} and an estimate needs {need} here; wait for more, or ask for more windows",
            have=have,
            need=need,
        )


def _compile_decoder() -> None:
    with _decoding:
        start = time.perf_counter()
        compile_kernels()
        _log.info("the decoder is compiled (%.1f s)", time.perf_counter() - start)
    # The compiler's million objects live as long as the process. Taken out of the collector's sight, they no longer
    # cost every thread a tenth of a second whenever it looks through the old generation.
    gc.collect()
    gc.freeze()
