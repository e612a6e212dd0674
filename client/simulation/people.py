"""Whoever can be asked: what a fleet needs to know of simulated people."""

from typing import Protocol, Self

import numpy as np

from client.sdk.client import Client, Receipt
from ldp_core.types import IntArray, Messages
from ldp_core.wire import CollectionSpec

__all__ = ["People"]


class People(Protocol):
    """People whose answers are known, each an integer below their number of different answers."""

    def __len__(self) -> int:
        """How many different answers there are."""
        ...

    def fitting(self, spec: CollectionSpec) -> Self:
        """These people as this collection asks them. Raises ParameterError, or its DomainError, when it asks them something else."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> IntArray:
        """The answers of n people.  -> (n,)"""
        ...

    def messages(self, spec: CollectionSpec, values: IntArray, rng: np.random.Generator) -> Messages:
        """What phones with these answers send.  (n,) -> (n,)"""
        ...

    def report(self, phone: Client, spec: CollectionSpec, value: int, cohort: str | None) -> Receipt:
        """Let one phone answer."""
        ...
