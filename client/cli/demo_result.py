"""What a demonstration found: the histogram beside the truth, which is known here and only here."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from client.cli.histogram import interval_picture, picture_scale, shown_percent
from client.cli.output import print_table, say, speaks_unicode
from client.simulation import FleetResult

__all__ = ["BANNER", "DemoResult"]

BANNER = "Simulated phones. True values are known here, and only here."


@dataclass(frozen=True, eq=False)
class DemoResult:
    """collection: as created · estimates: of all items · fleet: with the true counts · top: how many rows to show at most."""

    collection: dict[str, Any]
    estimates: dict[str, Any]
    fleet: FleetResult
    top: int

    def truth(self, index: int) -> float:
        """The true share of an item among the phones that were counted."""
        return int(self.fleet.true_counts[index]) / self.fleet.accepted

    def holds(self, item: dict[str, Any]) -> bool:
        """Does the item's own interval hold its truth?"""
        return bool(item["low"] <= self.truth(item["index"]) <= item["high"])

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The largest estimates above the noise floor; when there are none, the five largest."""
        ranked: list[dict[str, Any]] = sorted(self.estimates["items"], key=lambda item: -item["estimate"])
        clear = [item for item in ranked if item["above_noise_floor"]]
        return clear[: self.top] or ranked[:5]

    @property
    def above_noise(self) -> int:
        """How many items stand above the noise floor."""
        return sum(item["above_noise_floor"] for item in self.estimates["items"])

    @property
    def odds(self) -> str:
        """What epsilon means, in one sentence."""
        ratio = Fraction(self.estimates["likelihood_ratio"])
        guess = self.estimates["domain_size"]
        one_in = (
            ratio + guess - 1
        ) / ratio  # rounded down, as the ratio is rounded up: neither may be said to be better than it is
        shown = f"{math.floor(one_in):,}" if one_in >= 10 else f"{math.floor(10 * one_in) / 10:.1f}"
        return (
            f"whatever a phone sends, it shifts the odds between any two answers by a factor of at most {math.ceil(10 * ratio) / 10:.1f}: "
            f"a guess that was right 1 time in {guess:,} is right at most 1 time in {shown} for someone who sees the report"
        )

    def document(self) -> dict[str, Any]:
        """Everything as JSON."""
        rows = [
            {**item, "true_share": self.truth(item["index"]), "interval_holds_truth": self.holds(item)}
            for item in self.shown
        ]
        kept = (
            "n", "domain_size", "epsilon", "likelihood_ratio", "mechanism", "parameters", "report_space", "decoder",
            "decode_seconds", "confidence", "noise_floor", "canaries",
        )  # fmt: skip
        return {
            "simulated": True,
            "collection": self.collection["id"],
            "question": self.collection["question"],
            **{key: self.estimates[key] for key in kept},
            "odds": self.odds,
            "fleet": {
                "phones": self.fleet.phones,
                "accepted": self.fleet.accepted,
                "retried": self.fleet.retried,
                "failed": self.fleet.failed,
                "seconds": round(self.fleet.seconds, 3),
            },
            "items": rows,
            "items_above_noise_floor": self.above_noise,
            "intervals_that_hold_the_truth": {
                "shown": sum(map(self.holds, self.shown)),
                "of_shown": len(self.shown),
                "all": sum(map(self.holds, self.estimates["items"])),
                "of_all": len(self.estimates["items"]),
            },
        }

    def show(self) -> None:
        """The table on stdout, what it means on stderr."""
        shown, scale = self.shown, picture_scale(self.shown)
        unicode = speaks_unicode()
        interval = f"{100 * self.estimates['confidence']:g} % interval"
        rows = [
            [
                item["item"],
                shown_percent(item["estimate"]),
                f"{shown_percent(item['low'])} … {shown_percent(item['high'])}",
                shown_percent(self.truth(item["index"])),
                "yes" if self.holds(item) else "no",
                interval_picture(
                    item["low"], item["estimate"], item["high"],
                    scale=scale, truth=self.truth(item["index"]), unicode=unicode,
                ),
            ]
            for item in shown
        ]  # fmt: skip
        numbers = ("estimate", interval, "true share")
        print_table(["answer", "estimate", interval, "true share", "holds it", ""], rows, right=numbers)
        for sentence in self._sentences():
            say(sentence)

    def _sentences(self) -> list[str]:
        found, fleet = self.estimates, self.fleet
        held = self.document()["intervals_that_hold_the_truth"]
        parameters = ", ".join(f"{key} = {value}" for key, value in found["parameters"].items())
        floor = shown_percent(found["noise_floor"])
        return [
            f"{held['shown']} of the {held['of_shown']} intervals shown hold the truth, and {held['all']:,} of all {held['of_all']:,} "
            f"({100 * held['all'] / held['of_all']:.1f} %). Rows are shown because their estimates are large, which favours lucky noise.",
            f"{self.above_noise:,} answers stand above the noise floor of {floor}."
            if self.above_noise
            else f"No answer stands above the noise floor of {floor}: what is shown may be noise. Ask more phones, or a larger epsilon.",
            f"n = {found['n']:,} phones ({fleet.seconds:.1f} s to report), {found['domain_size']:,} possible answers, "
            f"{found['mechanism']} with {parameters}, N = {found['report_space']:,} messages; "
            f"decoded by {found['decoder']} in {found['decode_seconds']:.2f} s.",
            f"epsilon = {found['epsilon']} (lambda = {float(Fraction(found['likelihood_ratio'])):.4f}, exactly that of the shipped coin): {self.odds}.",
        ]
