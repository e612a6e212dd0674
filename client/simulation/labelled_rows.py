"""People of whom each belongs to one row that the service knows, with a label that it does not."""

from dataclasses import dataclass

import numpy as np

from client.sdk.client import Client, Receipt
from ldp_core.errors import ParameterError
from ldp_core.types import FloatArray, IntArray, Messages
from ldp_core.wire import CollectionSpec

__all__ = ["LabelledRows"]


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """One person for each row. labels: (R,) finite. Raises ParameterError for anything else."""

    labels: FloatArray

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels, dtype=np.float64)
        if labels.ndim != 1 or len(labels) == 0 or not np.isfinite(labels).all():
            raise ParameterError(f"labels are one finite number for each row, got shape {labels.shape}")
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.labels)

    def fitting(self, spec: CollectionSpec) -> "LabelledRows":
        """The same, if the collection asks for labels of so many rows. Raises ParameterError otherwise."""
        if spec.labels is None:
            raise ParameterError("this collection gathers a histogram and asks for no labels; give it a population")
        if spec.labels.rows != len(self):
            raise ParameterError(
                f"the collection has {spec.labels.rows:,} rows and got {len(self):,} labels; give it one for each"
            )
        return self

    def sample(self, n: int, rng: np.random.Generator) -> IntArray:
        """The rows of n different people. Raises ParameterError when there are fewer.  -> (n,)"""
        if n > len(self):
            raise ParameterError(f"{n:,} phones need as many rows, and there are {len(self):,}; each row has one phone")
        return rng.permutation(len(self))[:n].astype(np.int64)

    def messages(self, spec: CollectionSpec, values: IntArray, rng: np.random.Generator) -> Messages:
        """What the phones of these rows send.  (n,) -> (n,)"""
        assert spec.labels is not None, "`fitting` has seen to it"
        return spec.labels.randomize_many(values, self.labels[values], rng)

    def report(self, phone: Client, spec: CollectionSpec, value: int, cohort: str | None) -> Receipt:  # noqa: ARG002 - labels have none
        """Let the phone of one row report."""
        return phone.report_label(spec.collection, value, float(self.labels[value]))
