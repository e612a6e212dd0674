"""`fano simulate`: phones with known answers."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from client.cli.options import admin_client, json_option, optional_token_option, url_option, write_key_option
from client.cli.output import print_json, print_table, progress_bar, say
from client.simulation import EVERYDAY_FAULTS, POPULATIONS, Faults, Fleet, FleetResult, LabelledRows, by_name
from client.simulation.population import Population, emoji, words
from ldp_core.errors import DomainError
from ldp_core.wire import CollectionSpec

__all__ = ["simulate"]


@click.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.option(
    "--phones", type=click.IntRange(min=1), default=10_000, show_default=True, help="How many answer, once each."
)
@click.option(
    "--population",
    type=click.Choice(POPULATIONS),
    help="What people answer; by default what fits the collection's items.",
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
@click.option(
    "--make-key", is_flag=True, help="In place of a write key: make one with the admin token, and end it afterwards."
)
@optional_token_option
@url_option
@json_option
def simulate(
    collection_id: str,
    phones: int,
    population: str | None,
    labels_file: Path | None,
    seed: int | None,
    cohort: str | None,
    upload: str,
    one_by_one: bool,
    faults: bool,
    connections: int,
    write_key: str | None,
    make_key: bool,
    token: str | None,
    url: str,
    as_json: bool,
) -> None:
    """Let simulated phones answer a collection."""
    if not (token if make_key else write_key):
        raise click.UsageError(
            "--make-key needs the admin token: give --token or FANO_ADMIN_TOKEN"
            if make_key
            else "give the collection's write key with --write-key or FANO_WRITE_KEY, or --make-key and the admin token"
        )
    spec = _spec_of(url, collection_id)
    if spec.domain is None:
        population = population or "zipf"
    people = _people(population, _items_of(spec)) if spec.labels is None else _labelled(labels_file, spec.labels.rows)
    phones = min(phones, len(people)) if isinstance(people, LabelledRows) else phones
    say("Simulated phones. True answers are known here, and only here.")
    with _key_of(collection_id, url, token if make_key else None, write_key) as key:
        fleet = Fleet(
            url,
            key,
            people,
            phones,
            seed=seed,
            cohort=cohort,
            as_json=upload == "json",
            one_by_one=one_by_one,
            connections=connections,
            faults=EVERYDAY_FAULTS if faults else Faults(),
        )
        with progress_bar("phones", phones) as progress:
            result = fleet.run(collection_id, progress=progress)
    _show(result, people, as_json)
    if result.failed:
        raise click.ClickException(f"{result.failed:,} phones failed: {'; '.join(result.problems)}")


@contextmanager
def _key_of(collection_id: str, url: str, token: str | None, write_key: str | None) -> Iterator[str]:
    """The write key that was given; with a token one that lives as long as the block and is never shown."""
    if token is None:
        yield write_key or ""
        return
    with admin_client(url, token) as admin:
        made = admin.create_key(collection_id, f"simulated phones {secrets.token_hex(4)}")
        try:
            yield made["write_key"]
        finally:
            admin.revoke_key(collection_id, made["id"])


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


def _people(name: str | None, items: list[str]) -> Population:
    """The population over these items. Words and emoji keep their real frequencies; the others go by the order of the items.
    Without a name: words or emoji where any item is one, else zipf."""
    if name in ("uniform", "zipf"):
        return Population(tuple(items), by_name(name, len(items)).probabilities)
    for candidate in (words, emoji):
        if name in (None, candidate.__name__):
            try:
                return candidate(None).over(items)
            except DomainError:
                if name is not None:
                    raise
    return _people("zipf", items)


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
