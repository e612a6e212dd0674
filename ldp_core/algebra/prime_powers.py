"""Prime powers: the orders of finite fields."""

import functools

import numpy as np

from ldp_core.errors import FieldError

__all__ = ["factor_prime_power", "is_prime", "prime_factors", "prime_powers"]


def prime_factors(n: int) -> list[int]:
    """The distinct prime factors of n >= 1, in increasing order.

    >>> prime_factors(360)
    [2, 3, 5]
    """
    factors, divisor = [], 2
    while divisor * divisor <= n:
        if n % divisor == 0:
            factors.append(divisor)
            while n % divisor == 0:
                n //= divisor
        divisor += 1
    return [*factors, n] if n > 1 else factors


def is_prime(n: int) -> bool:
    """Is n a prime number? By trial division: n up to about 10^12 is quick."""
    return n > 1 and prime_factors(n) == [n]


@functools.lru_cache(maxsize=1024)
def factor_prime_power(q: int) -> tuple[int, int]:
    """The prime p and degree m with q = p^m. Raises FieldError when q is not a prime power.

    >>> factor_prime_power(1024), factor_prime_power(149)
    ((2, 10), (149, 1))
    """
    factors = prime_factors(q) if q > 1 else []
    if len(factors) != 1:
        raise FieldError(
            f"q must be a prime power (2, 3, 4, 5, 7, 8, 9, 11, …), got {q}; only those orders have a field"
        )
    p = factors[0]
    m = 1
    while p**m < q:
        m += 1
    return p, m


@functools.lru_cache(maxsize=4)
def prime_powers(limit: int) -> tuple[int, ...]:
    """All prime powers q <= limit, in increasing order.

    >>> prime_powers(17)
    (2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17)
    """
    if limit < 2:
        return ()
    sieve = np.ones(limit + 1, dtype=bool)
    sieve[:2] = False
    for p in range(2, int(limit**0.5) + 1):
        if sieve[p]:
            sieve[p * p :: p] = False
    powers = []
    for p in map(int, np.flatnonzero(sieve)):
        power = p
        while power <= limit:
            powers.append(power)
            power *= p
    return tuple(sorted(powers))
