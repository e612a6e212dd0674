"""`fano simulate`: phones with known answers."""

import click

from client.cli.options import json_option, url_option, write_key_option
from client.cli.output import print_json, print_table, progress_bar, say
from client.simulation import EVERYDAY_FAULTS, POPULATIONS, Faults, Fleet, FleetResult, by_name
from client.simulation.population import Population, emoji, words

__all__ = ["simulate"]


@click.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.option(
    "--phones", type=click.IntRange(min=1), default=10_000, show_default=True, help="How many answer, once each."
)
@click.option(
    "--population", type=click.Choice(POPULATIONS), default="words", show_default=True, help="What people answer."
)
@click.option("--seed", type=click.IntRange(min=0), help="Repeats answers and messages exactly.")
@click.option("--cohort", help="Of all phones, if the collection declares cohorts.")
@click.option(
    "--upload",
    type=click.Choice(["packed", "json"]),
    default="packed",
    show_default=True,
    help="How batches of phones are written.",
)
@click.option("--one-by-one", is_flag=True, help="Every phone is an SDK client that sends its own report; slower.")
@click.option("--faults", is_flag=True, help="Lose and double uploads on the way, in random order.")
@click.option(
    "--connections", type=click.IntRange(min=1, max=64), default=4, show_default=True, help="Uploads at the same time."
)
@write_key_option
@url_option
@json_option
def simulate(
    collection_id: str,
    phones: int,
    population: str,
    seed: int | None,
    cohort: str | None,
    upload: str,
    one_by_one: bool,
    faults: bool,
    connections: int,
    write_key: str,
    url: str,
    as_json: bool,
) -> None:
    """Let simulated phones answer a collection."""
    items = _items_of(url, collection_id)
    fleet = Fleet(
        url,
        write_key,
        _people(population, items),
        phones,
        seed=seed,
        cohort=cohort,
        as_json=upload == "json",
        one_by_one=one_by_one,
        connections=connections,
        faults=EVERYDAY_FAULTS if faults else Faults(),
    )
    say("Simulated phones. True answers are known here, and only here.")
    with progress_bar("phones", phones) as progress:
        result = fleet.run(collection_id, progress=progress)
    _show(result, fleet.population, as_json)
    if result.failed:
        raise click.ClickException(f"{result.failed:,} phones failed: {'; '.join(result.problems)}")


def _items_of(url: str, collection_id: str) -> list[str]:
    """The collection's items as a phone sees them; numbers where it has none."""
    from client.sdk.spec_source import SpecSource
    from client.sdk.store import MemoryStore
    from client.sdk.transport import Transport

    transport = Transport(url)
    try:
        spec = SpecSource(transport, MemoryStore()).fetch(collection_id)
    finally:
        transport.close()
    return list(spec.domain.items) if spec.domain else [str(i) for i in range(spec.mechanism.domain_size)]


def _people(name: str, items: list[str]) -> Population:
    """The population over these items. Words and emoji keep their real frequencies; the others go by the order of the items."""
    if name in {"words", "emoji"}:
        return (words if name == "words" else emoji)(None).over(items)
    return Population(tuple(items), by_name(name, len(items)).probabilities)


def _show(result: FleetResult, people: Population, as_json: bool) -> None:
    counts = {
        "phones": result.phones,
        "accepted": result.accepted,
        "replayed": result.replayed,
        "retried": result.retried,
        "failed": result.failed,
        "duplicates": result.duplicates,
        "counted_twice": result.counted_twice,
    }
    if as_json:
        truth = {people.items[i]: int(result.true_counts[i]) for i in result.true_counts.nonzero()[0]}
        print_json(
            {**counts, "seconds": round(result.seconds, 3), "problems": list(result.problems), "true_counts": truth}
        )
        return
    print_table([*counts, "seconds"], [[f"{value:,}" for value in counts.values()] + [f"{result.seconds:.2f}"]])
