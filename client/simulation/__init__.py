"""Simulated phones with known answers, for tests, demonstrations and planning. Seeds live here and never on a device."""

from client.simulation.faults import EVERYDAY_FAULTS, Faults
from client.simulation.fleet import Fleet, FleetResult
from client.simulation.labelled_rows import LabelledRows
from client.simulation.population import POPULATIONS, Population, by_name, emoji, uniform, words, zipf

__all__ = [
    "EVERYDAY_FAULTS",
    "POPULATIONS",
    "Faults",
    "Fleet",
    "FleetResult",
    "LabelledRows",
    "Population",
    "by_name",
    "emoji",
    "uniform",
    "words",
    "zipf",
]
