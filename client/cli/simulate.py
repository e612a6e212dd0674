"""`fano simulate`: phones with known answers."""

from pathlib import Path

import click

from client.cli.options import json_option, url_option, write_key_option
from client.cli.output import print_json, print_table, progress_bar, say
from client.simulation import EVERYDAY_FAULTS, POPULATIONS, Faults, Fleet, FleetResult, LabelledRows, by_name
from client.simulation.population import Population, emoji, words
from ldp_core.wire import CollectionSpec

__all__ = ["simulate"]


@click.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.option(
    "--phones", type=click.IntRange(min=1), default=10_000, show_default=True, help="How many answer, once each."
)
@click.option(
    "--population", type=click.Choice(POPULATIONS), default="words", show_default=True, help="What people answer."
)
@click.option(
    "--labels-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For a collection of labels: the true label of each row, one on each line, or a .npy file.",
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
    labels_file: Path | None,
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
    spec = _spec_of(url, collection_id)
    people = _people(population, _items_of(spec)) if spec.labels is None else _labelled(labels_file, spec.labels.rows)
    phones = min(phones, len(people)) if isinstance(people, LabelledRows) else phones
    fleet = Fleet(
        url,
        write_key,
        people,
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
    _show(result, people, as_json)
    if result.failed:
        raise click.ClickException(f"{result.failed:,} phones failed: {'; '.join(result.problems)}")


def _spec_of(url: str, collection_id: str) -> CollectionSpec:
    """The collection's spec as a phone sees it."""
    from client.sdk.spec_source import SpecSource
    from client.sdk.store import MemoryStore
    from client.sdk.transport import Transport

    transport = Transport(url)
    try:
        return SpecSource(transport, MemoryStore()).fetch(collection_id)
    finally:
        transport.close()


def _items_of(spec: CollectionSpec) -> list[str]:
    """The collection's items; numbers where it has none."""
    return list(spec.domain.items) if spec.domain else [str(i) for i in range(spec.mechanism.domain_size)]


def _labelled(path: Path | None, rows: int) -> LabelledRows:
    """The people of a collection of labels. Raises a usage error, which never quotes a label."""
    import numpy as np

    if path is None:
        raise click.UsageError(
            f"this collection asks for a label of each of {rows:,} rows; give them with --labels-file"
        )
    try:
        labels = np.load(path, allow_pickle=False) if path.suffix == ".npy" else np.loadtxt(path, ndmin=1)
        return LabelledRows(labels)
    except ValueError as error:
        raise click.UsageError(f"{path} must hold one finite number for each of {rows:,} rows") from error


def _people(name: str, items: list[str]) -> Population:
    """The population over these items. Words and emoji keep their real frequencies; the others go by the order of the items."""
    if name in {"words", "emoji"}:
        return (words if name == "words" else emoji)(None).over(items)
    return Population(tuple(items), by_name(name, len(items)).probabilities)


def _show(result: FleetResult, people: Population | LabelledRows, as_json: bool) -> None:
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
        known = {} if isinstance(people, LabelledRows) else {"true_counts": _truth(result, people)}
        print_json({**counts, "seconds": round(result.seconds, 3), "problems": list(result.problems), **known})
        return
    print_table([*counts, "seconds"], [[f"{value:,}" for value in counts.values()] + [f"{result.seconds:.2f}"]])


def _truth(result: FleetResult, people: Population) -> dict[str, int]:
    return {people.items[i]: int(result.true_counts[i]) for i in result.true_counts.nonzero()[0]}
