"""Every mechanism by name. A new one is a file of its own and a line here."""

import inspect
from collections.abc import Callable, Mapping

from ldp_core.errors import ParameterError
from ldp_core.mechanisms.base import Mechanism
from ldp_core.mechanisms.hadamard_response import hadamard_response
from ldp_core.mechanisms.hybrid_projective_geometry import hybrid_projective_geometry
from ldp_core.mechanisms.optimized_local_hashing import optimized_local_hashing
from ldp_core.mechanisms.projective_geometry import projective_geometry
from ldp_core.mechanisms.randomized_response import randomized_response
from ldp_core.mechanisms.spread import spread
from ldp_core.mechanisms.subset_selection import subset_selection
from ldp_core.mechanisms.unary_encoding import optimized_unary_encoding, symmetric_unary_encoding
from ldp_core.privacy.epsilon import EpsilonLike

__all__ = ["create", "list_mechanisms"]

_REGISTRY: Mapping[str, Callable[..., Mechanism]] = {
    "projective_geometry": projective_geometry,
    "hybrid_projective_geometry": hybrid_projective_geometry,
    "hadamard_response": hadamard_response,
    "randomized_response": randomized_response,
    "subset_selection": subset_selection,
    "spread": spread,
    "optimized_unary_encoding": optimized_unary_encoding,
    "symmetric_unary_encoding": symmetric_unary_encoding,
    "optimized_local_hashing": optimized_local_hashing,
}


def list_mechanisms() -> tuple[str, ...]:
    """The names that `create` takes."""
    return tuple(_REGISTRY)


def create(name: str, *, epsilon: EpsilonLike, domain_size: int, **parameters: int) -> Mechanism:
    """The mechanism `name` for k items at privacy loss epsilon.

    epsilon: decimal string, int, float or Fraction, kept exactly · domain_size: k >= 2 · parameters: of that mechanism,
    such as q and t; what is left out is chosen by exact error.
    Raises ParameterError (or its EpsilonError, DomainError, FieldError) saying what does not fit.
    """
    if name not in _REGISTRY:
        raise ParameterError(f"mechanism must be one of {', '.join(_REGISTRY)}; got {name!r}")
    factory = _REGISTRY[name]
    known = inspect.signature(factory).parameters
    for parameter, value in parameters.items():
        if parameter not in known:
            taken = ", ".join(key for key in known if key not in {"epsilon", "domain_size"}) or "no parameters"
            raise ParameterError(f"{name} takes {taken}; got {parameter!r}")
        if isinstance(value, bool) or not isinstance(value, int):
            raise ParameterError(f"{parameter} must be an integer, got {value!r}")
    return factory(epsilon=epsilon, domain_size=domain_size, **parameters)
