"""`fano audit`: does the code do what it claims?"""

from dataclasses import asdict
from typing import Any

import click
import numpy as np

from client.cli.options import json_option, parameter_option
from client.cli.output import print_json, print_table, say
from ldp_core.mechanisms import Mechanism, create
from ldp_core.privacy import Audit, format_epsilon
from ldp_core.privacy import audit as run_audit

__all__ = ["audit"]


@click.command()
@click.option("--mechanism", default="projective_geometry", show_default=True, help="Its name; see `fano mechanisms`.")
@click.option("--epsilon", default="1", show_default=True, help="Privacy loss of one report, exactly.")
@click.option(
    "--items", type=click.IntRange(min=2), default=1_000, show_default=True, help="Number of possible answers."
)
@parameter_option
@click.option(
    "--draws", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="Reports for each of two answers."
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.99,
    show_default=True,
    help="Of each of the two tests.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Repeats the draws exactly.")
@json_option
def audit(
    mechanism: str,
    epsilon: str,
    items: int,
    parameters: dict[str, int],
    draws: int,
    confidence: float,
    seed: int | None,
    as_json: bool,
) -> int:
    """Draw reports for two answers and bound epsilon from below, without trusting the code.

    Exit code 1 when the claimed epsilon or the published rate is refuted.
    """
    built = create(mechanism, epsilon=epsilon, domain_size=items, **parameters)
    result = run_audit(built, np.random.default_rng(seed), draws=draws, confidence=confidence)
    if as_json:
        print_json(_document(built, result))
    else:
        print_table(["what", "value"], _rows(built, result))
        say(
            "Passed: the draws do not contradict the claim." if result.passed else "FAILED: the draws refute the claim."
        )
    return 0 if result.passed else 1


def _document(mechanism: Mechanism, result: Audit) -> dict[str, Any]:
    return {
        "mechanism": mechanism.name,
        "parameters": dict(mechanism.parameters),
        "domain_size": mechanism.domain_size,
        "likelihood_ratio": f"{mechanism.likelihood_ratio.numerator}/{mechanism.likelihood_ratio.denominator}",
        **asdict(result),
        "epsilon": format_epsilon(result.epsilon),
        "passed": result.passed,
    }


def _rows(mechanism: Mechanism, result: Audit) -> list[list[str]]:
    spelled = " ".join(f"{key}={value}" for key, value in mechanism.parameters.items())
    return [
        ["mechanism", f"{mechanism.name} {spelled}".rstrip()],
        ["claimed epsilon", format_epsilon(result.epsilon)],
        [f"epsilon is at least ({result.confidence:.4g} confidence)", f"{result.lower_bound:.4f}"],
        ["reports that support the one answer alone", f"{result.hits:,} and {result.other_hits:,} of {result.draws:,}"],
        [
            "reports that support their own answer",
            f"{result.own_hits / result.draws:.5f}, claimed {result.own_rate:.5f}",
        ],
        ["probability of as many, if the claim holds", f"{result.own_rate_p:.3g}"],
    ]
