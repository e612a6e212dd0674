"""`fano collection key`: the write keys of a collection, several at a time so that one can be rotated."""

import click

from client.cli.options import admin_client, json_option, service_options
from client.cli.output import print_json, print_table, say

__all__ = ["key"]


@click.group()
def key() -> None:
    """Make, list and end the write keys of a collection.

    To rotate: make a second key, ship it, and end the first one when the phones have it.
    """


@key.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.argument("name")
@service_options
@json_option
def create(collection_id: str, name: str, url: str, token: str, as_json: bool) -> None:
    """Make a further write key called NAME; it is shown now and never again."""
    with admin_client(url, token) as admin:
        made = admin.create_key(collection_id, name)
    if as_json:
        print_json(made)
        return
    say("The write key, shown only now:")
    click.echo(made["write_key"])


@key.command("list")
@click.argument("collection_id", metavar="COLLECTION")
@service_options
@json_option
def list_(collection_id: str, url: str, token: str, as_json: bool) -> None:
    """List the write keys, ended ones too, without their secrets."""
    with admin_client(url, token) as admin:
        found = admin.keys(collection_id)
    if as_json:
        print_json({"keys": found})
        return
    rows = [
        [
            str(one["id"]),
            one["name"],
            one["last_used"] or "never",
            one["ends"] or "no",
            "usable" if one["usable"] else "ended",
        ]
        for one in found
    ]
    print_table(["id", "name", "last used", "ends", "state"], rows, right=("id",))


@key.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.argument("key_id", metavar="ID", type=click.IntRange(min=0))
@click.option("--until", help="A moment such as 2027-01-31T00:00:00Z at which it ends; now by default.")
@service_options
@json_option
def revoke(collection_id: str, key_id: int, until: str | None, url: str, token: str, as_json: bool) -> None:
    """End the write key with this ID, now or at a moment; `fano collection key list` shows the ids."""
    with admin_client(url, token) as admin:
        admin.revoke_key(collection_id, key_id, until=until)
    if as_json:
        print_json({"id": key_id, "ends": until or "now"})
    else:
        say(f"Write key {key_id} of {collection_id} ends {until or 'now'}.")
