"""What a process does with a task. It runs wherever an executor puts it and touches nothing but its arguments."""

import json
import logging
import pickle
import time
from collections.abc import Callable, Mapping

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.histogram import CollectionHistogram
from ldp_core.analysis.progress import Cancelled, Progress
from ldp_core.analysis.registry import ENTRY_POINTS, entry_point
from ldp_core.analysis.versions import library_versions
from ldp_core.errors import FanoError
from server.jobs.task import Outcome, Task

__all__ = ["KINDS", "perform", "preload"]

_log = logging.getLogger(__name__)


def perform(task: Task, progress: Progress) -> Outcome:
    """Carry out a task, whatever happens. An unexpected error is ours: its text stays here, it may quote what was sent."""
    try:
        return KINDS[task.kind](task, progress)
    except Cancelled:
        return Outcome("cancelled")
    except TooLargeError as error:
        return _refused("analysis-too-large", error)
    except AnalysisError as error:
        return _refused("unknown-resource" if error.code == "unknown_method" else "invalid-analysis", error)
    except FanoError as error:
        return Outcome("failed", slug="invalid-analysis", detail=str(error), extras={"code": "refused", "field": None})
    except MemoryError:
        return Outcome("failed", slug="job-failed", detail="there was not enough memory; ask for less")
    except Exception:
        _log.exception("a task of kind %s failed", task.kind)
        return Outcome("failed", slug="job-failed", detail="an unexpected error; it was logged where the work was done")


def preload() -> None:
    """Import every analysis, so that no request has to wait for it."""
    for entry in ENTRY_POINTS.values():
        entry.method  # noqa: B018 - it is imported when it is first looked at


def _refused(slug: str, error: AnalysisError) -> Outcome:
    extras = {} if slug == "unknown-resource" else {"code": error.code, "field": error.field}
    return Outcome("failed", slug=slug, detail=str(error), extras=extras)


def _analysis(task: Task, progress: Progress) -> Outcome:
    method = entry_point(task.method).method
    start = time.perf_counter()
    request = method.from_json(task.body)
    predicted = method.predicted_seconds(request)
    if task.longest is not None and predicted > task.longest:
        return Outcome("too_long", predicted_seconds=predicted)
    result = method.run(request, progress=progress).to_json()
    document = {
        **result,
        "wall_seconds": round(time.perf_counter() - start, 6),
        "library_versions": library_versions(),
    }
    return Outcome("done", json.dumps(document, allow_nan=False, separators=(",", ":")).encode())


def _decode(task: Task, progress: Progress) -> Outcome:  # noqa: ARG001 - it is one numeric call
    """The estimate of a tally, pickled: method is the decoder's name, body a `CollectionHistogram`'s fields."""
    histogram = CollectionHistogram.from_fields(**task.body)
    return Outcome("done", pickle.dumps(histogram.mechanism.decode(histogram.tally, task.method)))


KINDS: Mapping[str, Callable[[Task, Progress], Outcome]] = {"analysis": _analysis, "decode": _decode}
"""What each kind of task does."""
