"""What says how far a histogram can be trusted: canaries and the poisoning bound, in sentences."""

from dataclasses import dataclass

from ldp_core.estimation import Estimate
from server.dashboard.words import at_most

__all__ = ["Trust", "trust_of"]


@dataclass(frozen=True)
class Trust:
    """canary_share, alarm_share: the largest canary's place and the alarm's, between 0 and 1 on one scale."""

    n: int
    canaries: int
    rms_z: float
    max_abs_z: float
    alarm_at: float
    alarm: bool
    canary_sentence: str
    users_per_fake: float
    shift_per_percent: float
    poisoning_sentence: str


def trust_of(estimate: Estimate, share: str = "one answer") -> Trust:
    """The checks of an estimate. share: what is shared out among the phones, such as one answer."""
    canaries, poisoning = estimate.canaries, estimate.poisoning
    return Trust(
        n=estimate.n,
        canaries=canaries.count,
        rms_z=canaries.rms_z,
        max_abs_z=canaries.max_abs_z,
        alarm_at=canaries.alarm_at,
        alarm=bool(canaries.alarm),
        canary_sentence=_canary_sentence(canaries.count, canaries.rms_z, canaries.max_abs_z, canaries.alarm_at),
        users_per_fake=poisoning.users_per_fake,
        shift_per_percent=poisoning.shift_per_percent,
        poisoning_sentence=(
            f"If 1 % of all reports were forged, {share} could move by at most {at_most(100 * poisoning.shift_per_percent)} points: "
            f"one forged report counts for up to {at_most(poisoning.users_per_fake)} honest phones. A bound, not a detection."
        ),
    )


def _canary_sentence(count: int, rms: float, largest: float, alarm_at: float) -> str:
    if count == 0:
        return "This mechanism has no point to spare, so there are no canaries."
    found = f"{count:,} points that no answer uses should be pure noise. Their size is {rms:.2f} (1 is expected)"
    if largest > alarm_at:
        return (
            f"{found}, but one lies {largest:.1f} standard errors from zero, beyond the alarm at {alarm_at:.1f}. "
            "Some phones run another spec or a broken client, or someone sends forged reports."
        )
    return f"{found}, the largest lies {largest:.1f} standard errors from zero; the alarm is at {alarm_at:.1f}."
