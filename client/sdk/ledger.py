"""What a device has given away so far, and what it may still give: exact sums, checked before anything is drawn."""

from dataclasses import dataclass
from fractions import Fraction

from client.sdk.errors import BudgetExhausted, EpsilonTooHigh
from ldp_core.privacy import format_epsilon

__all__ = ["Budget", "LedgerEntry"]


@dataclass(frozen=True)
class LedgerEntry:
    """One answered version of one collection. It says that the device answered, never what."""

    service: str
    collection: str
    version: int
    spec_digest: str
    epsilon: Fraction


@dataclass(frozen=True)
class Budget:
    """The device's own limits: one report may cost at most max_epsilon, all together at most lifetime_epsilon.

    The loss of several reports about one person is at most the sum of their epsilons (basic composition).
    """

    max_epsilon: Fraction
    lifetime_epsilon: Fraction

    def check_collection(self, epsilon: Fraction) -> None:
        """Raises EpsilonTooHigh when one report would cost more than this device ever gives."""
        if epsilon > self.max_epsilon:
            raise EpsilonTooHigh(
                f"the collection asks for epsilon {format_epsilon(epsilon)} and this device gives at most "
                f"{format_epsilon(self.max_epsilon)} in one report; nothing was sent. "
                "Ask with a smaller epsilon, or let the person raise max_epsilon."
            )

    def check_lifetime(self, epsilon: Fraction, spent: Fraction) -> None:
        """Raises BudgetExhausted when `spent` leaves no room for another epsilon."""
        if spent + epsilon > self.lifetime_epsilon:
            raise BudgetExhausted(
                f"this device has given {format_epsilon(spent) if spent else 0} of its lifetime epsilon "
                f"{format_epsilon(self.lifetime_epsilon)}, and the collection asks for {format_epsilon(epsilon)}; nothing was sent."
            )
