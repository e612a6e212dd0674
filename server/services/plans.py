"""Plans, remembered: the same question is asked again whenever a slider moves."""

import functools
from typing import Any

from ldp_core.errors import ParameterError
from ldp_core.planning import describe, make_plan, rank_mechanisms
from server.refusals import InvalidParameters

__all__ = ["mechanism_list", "plan"]


def plan(
    *, domain_size: int, epsilon: str | None, phones: int | None, target: float, confidence: float
) -> dict[str, Any]:
    """The document of `ldp_core.planning.make_plan`. Raises InvalidParameters."""
    try:
        return _plan(domain_size, epsilon, phones, target, confidence)
    except ParameterError as error:
        raise InvalidParameters.of("body", str(error)) from error


def mechanism_list(epsilon: str, domain_size: int) -> list[dict[str, Any]]:
    """All mechanisms, least error first. Raises InvalidParameters."""
    try:
        return _mechanism_list(epsilon, domain_size)
    except ParameterError as error:
        raise InvalidParameters.of("epsilon", str(error)) from error


@functools.lru_cache(maxsize=1024)
def _plan(
    domain_size: int, epsilon: str | None, phones: int | None, target: float, confidence: float
) -> dict[str, Any]:
    return make_plan(domain_size, epsilon=epsilon, phones=phones, target=target, confidence=confidence)


@functools.lru_cache(maxsize=256)
def _mechanism_list(epsilon: str, domain_size: int) -> list[dict[str, Any]]:
    return [describe(entry) for entry in rank_mechanisms(epsilon, domain_size)]
