"""Decodes of big domains on a cluster, where the service has one. Counts go there and the estimate comes back; all decoders agree bit for bit."""

import logging
import pickle
import threading

from ldp_core.analysis.histogram import CollectionHistogram
from ldp_core.analysis.progress import silent
from ldp_core.estimation import Estimate
from ldp_core.mechanisms import Mechanism, Tally
from server.jobs.executor import Executor
from server.jobs.task import Task

__all__ = ["ClusterDecoder"]

_LEAST_COST = 1 << 28
"""Elementary operations, about a quarter of a second: below it the way there and back takes longer."""

_log = logging.getLogger(__name__)


class ClusterDecoder:
    """Hands decodes of at least `least_cost` operations to an executor."""

    def __init__(self, executor: Executor, least_cost: int = _LEAST_COST) -> None:
        self._executor = executor
        self._least_cost = least_cost

    def __call__(self, mechanism: Mechanism, tally: Tally, decoder: str) -> Estimate | None:
        """The estimate; None when it is to be made here: it is small, or the cluster did not give it."""
        if mechanism.decode_cost < self._least_cost:
            return None
        task = Task("decode", decoder, CollectionHistogram(mechanism, tally).to_fields())
        try:
            outcome = self._executor.execute(task, silent, threading.Event())
        except OSError as error:
            _log.warning("the cluster does not answer (%s); the estimate is decoded here", type(error).__name__)
            return None
        if outcome.state != "done":
            _log.warning("the cluster gave no estimate (%s); it is decoded here", outcome.state)
            return None
        estimate: Estimate = pickle.loads(outcome.content)  # noqa: S301 - from our own worker, as the outcome itself
        return estimate
