"""Finite fields and the projective spaces over them."""

from ldp_core.algebra.fields import ExtensionField, Field, PrimeField, galois_field
from ldp_core.algebra.prime_powers import factor_prime_power, is_prime, prime_powers
from ldp_core.algebra.projective_space import ProjectiveSpace, point_count

__all__ = [
    "ExtensionField",
    "Field",
    "PrimeField",
    "ProjectiveSpace",
    "factor_prime_power",
    "galois_field",
    "is_prime",
    "point_count",
    "prime_powers",
]
