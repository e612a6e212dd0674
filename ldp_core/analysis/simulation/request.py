"""What to simulate: a mechanism, who holds what, how many phones and how often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, choice, integer, real
from ldp_core.analysis.histogram import HISTOGRAM_PROPERTIES, describe_mechanism, named_mechanism
from ldp_core.analysis.simulation.population import POPULATIONS, Holdings
from ldp_core.mechanisms import Mechanism
from ldp_core.types import Frequencies

__all__ = ["SCHEMA", "FleetRequest", "phones_at_once", "seconds_of"]

_CHOICES = (*POPULATIONS, "weights")
_MOST_ITEMS = 1 << 22
_MOST_PHONES, _MOST_FLEETS, _MOST_TOP = 10_000_000, 200, 1_000_000
LARGEST_SECONDS = 600.0

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "mechanism": HISTOGRAM_PROPERTIES["mechanism"]
        | {
            "description": "that phones would use: its name, epsilon, number of items and parameters, the best ones where left out"
        },
        "population": schema.one_of(
            "Population",
            "how often items are held: uniform: all equally often; zipf: item i in proportion to 1 / i^exponent; weights: as given",
            _CHOICES,
            "zipf",
        ),
        "exponent": schema.number("Exponent", "of zipf", 0, 20, 1.0),
        "held_items": schema.optional(
            schema.integer(
                "Held items",
                "of uniform and zipf: nobody holds an item after these; left out: somebody holds each",
                1,
                _MOST_ITEMS,
            )
        ),
        "weights": schema.optional(
            schema.numbers("Weights", "one for each item, when Population is weights; only their ratios matter")
        ),
        "phones": schema.integer("Phones", "in each fleet", 1, _MOST_PHONES, 20_000),
        "repetitions": schema.integer("Fleets", "of the same phones, each with new coins", 1, _MOST_FLEETS, 50),
        "confidence": schema.number("Confidence", "of the intervals and of the noise floor", 0.5, 0.9999, 0.95),
        "top": schema.integer("Top", "of how many largest items to judge the ranking; at most all", 1, _MOST_TOP, 10),
        "seed": schema.seed(),
    },
    required=("mechanism",),
)

_SECONDS_AT_LEAST, _SECONDS_PER_FLEET = 0.3, 5e-4
_SECONDS_PER_PHONE, _SECONDS_PER_COUNT = 1.5e-7, 9e-9
_SECONDS_PER_CELL, _SECONDS_PER_CELL_BY_ITEM = 2e-9, 1.5e-6
_SECONDS_PER_DECODING, _SECONDS_PER_ITEM = 1e-8, 4e-8
_PHONES_AT_ONCE, _SECONDS_AT_ONCE = 1 << 18, 0.1


@dataclass(frozen=True, eq=False)
class FleetRequest:
    """mechanism: as an object, see `ldp_core.analysis.histogram` · population: uniform, zipf or weights · exponent: of zipf ·
    held_items: nobody holds an item after these, None or more than there are for all · weights: (k,) of the population `weights` · phones: n ·
    repetitions: R fleets · confidence: of intervals and noise floor · top: largest items to judge, all where there are fewer · seed.

    Raises AnalysisError, or TooLargeError for what takes over ten minutes or has more than 2^22 items.
    """

    mechanism: Mapping[str, Any]
    population: str = "zipf"
    exponent: float = 1.0
    held_items: int | None = None
    weights: Sequence[float] | None = None
    phones: int = 20_000
    repetitions: int = 50
    confidence: float = 0.95
    top: int = 10
    seed: int = 0
    made: Mechanism = field(init=False)
    """The mechanism itself."""

    def __post_init__(self) -> None:
        choice("population", self.population, _CHOICES)
        for name, low, high in (
            ("phones", 1, _MOST_PHONES),
            ("repetitions", 1, _MOST_FLEETS),
            ("top", 1, _MOST_TOP),
            ("seed", 0, 2**63 - 1),
        ):
            object.__setattr__(self, name, integer(name, getattr(self, name), low, high))
        object.__setattr__(self, "exponent", real("exponent", self.exponent, 0, 20))
        object.__setattr__(self, "confidence", real("confidence", self.confidence, 0.5, 0.9999))
        made = named_mechanism(self.mechanism)
        object.__setattr__(self, "made", made)
        object.__setattr__(self, "mechanism", describe_mechanism(made))
        object.__setattr__(self, "top", min(self.top, made.domain_size))
        self._check_size()
        self._check_population()

    def _check_size(self) -> None:
        if self.made.domain_size > _MOST_ITEMS:
            raise TooLargeError(
                f"a simulation takes at most {_MOST_ITEMS:,} items, got {self.made.domain_size:,}", field="mechanism"
            )
        seconds = seconds_of(self.made, self.phones, self.repetitions)
        if seconds > LARGEST_SECONDS:
            raise TooLargeError(
                f"this would take about {seconds:,.0f} s and at most {LARGEST_SECONDS:.0f} s are given; take fewer phones or repetitions",
                field="phones",
            )

    def _check_population(self) -> None:
        given = self.population == "weights"
        if (self.weights is not None) != given:
            raise AnalysisError(
                "weights has one number for each item when population is weights, and is left out otherwise",
                code="missing_field" if given else "unknown_field",
                field="weights",
            )
        if self.held_items is not None:
            if given:
                raise AnalysisError(
                    "held_items goes with uniform and zipf; among weights, give 0 to items that nobody holds",
                    code="unknown_field",
                    field="held_items",
                )
            held = integer("held_items", self.held_items, 1, _MOST_ITEMS)
            object.__setattr__(self, "held_items", min(held, self.made.domain_size))
        _ = self._shares

    @cached_property
    def _shares(self) -> Frequencies:
        k = self.made.domain_size
        if self.weights is None:
            return POPULATIONS[self.population](k, self.held_items or k, self.exponent)
        weights = array("weights", self.weights, 1)
        if len(weights) != k:
            raise AnalysisError(
                f"weights must be {k:,} numbers, got {len(weights):,}", code="wrong_shape", field="weights"
            )
        if weights.min() < 0 or weights.max() == 0:
            raise AnalysisError(
                "weights must not be negative, and some must be above 0", code="out_of_range", field="weights"
            )
        bounded = weights / weights.max()  # so that no sum overflows
        shares: Frequencies = bounded / bounded.sum()
        return shares

    @cached_property
    def holdings(self) -> Holdings:
        """Which phones hold which item: the same in every fleet."""
        return Holdings.dealt(self._shares, self.phones)

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that was asked, with every default filled in."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}


def _seconds_per_phone(mechanism: Mechanism) -> float:
    return _SECONDS_PER_PHONE + _SECONDS_PER_COUNT * mechanism.count_cost


def _seconds_per_part(mechanism: Mechanism) -> float:
    """Of adding up a tally, whatever reports there are: item by item where each report is counted for every item."""
    by_item = mechanism.count_cost >= mechanism.tally_size
    return mechanism.tally_size * (_SECONDS_PER_CELL_BY_ITEM if by_item else _SECONDS_PER_CELL)


def phones_at_once(mechanism: Mechanism) -> int:
    """So many phones are simulated between two looks at whether to go on."""
    seconds = max(_SECONDS_AT_ONCE, _seconds_per_part(mechanism))
    return max(1, min(_PHONES_AT_ONCE, int(seconds / _seconds_per_phone(mechanism))))


def seconds_of(mechanism: Mechanism, phones: int, fleets: int) -> float:
    """Expected duration on one core: linear in the phones, and in what a decoding and a table of items cost."""
    parts = -(-phones // phones_at_once(mechanism))
    counting = phones * _seconds_per_phone(mechanism) + parts * _seconds_per_part(mechanism)
    decoding = _SECONDS_PER_DECODING * mechanism.decode_cost + _SECONDS_PER_ITEM * mechanism.domain_size
    return _SECONDS_AT_LEAST + fleets * (_SECONDS_PER_FLEET + counting + decoding)
