"""Decodes that a cluster does not give are made here."""

import threading

import numpy as np
import pytest

from ldp_core.mechanisms import Tally, create
from server.jobs.executor import Tell
from server.jobs.task import Outcome, Task
from server.services.cluster_decoding import ClusterDecoder


class Unwilling:
    """An executor whose cluster is away, or gives up."""

    name, slots = "dask", 1

    def __init__(self, answer: Outcome | OSError) -> None:
        self._answer = answer

    def execute(self, task: Task, tell: Tell, cancelled: threading.Event) -> Outcome:
        if isinstance(self._answer, OSError):
            raise self._answer
        return self._answer

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "answer", [OSError("no scheduler"), Outcome("failed", slug="job-failed"), Outcome("cancelled")]
)
def test_there_is_no_estimate_without_the_cluster(answer: Outcome | OSError, caplog: pytest.LogCaptureFixture) -> None:
    mechanism = create("projective_geometry", epsilon="1", domain_size=7, q=2, t=3)
    decoder = ClusterDecoder(Unwilling(answer), least_cost=0)
    assert decoder(mechanism, Tally(np.arange(7)), "enumeration") is None
    assert "decoded here" in caplog.text
