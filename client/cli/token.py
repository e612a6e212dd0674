"""`fano token`: who may administer, who may read, and who did what."""

import click

from client.cli.options import admin_client, json_option, service_options
from client.cli.output import print_json, print_table, say

__all__ = ["token"]


@click.group()
def token() -> None:
    """Create, list and revoke the tokens of people and programs; who did what."""


@token.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["admin", "analyst"]),
    default="analyst",
    show_default=True,
    help="An analyst reads; an admin does everything.",
)
@click.option("--collection", help="An analyst's only collection; all of them by default.")
@service_options
@json_option
def create(*, name: str, kind: str, collection: str | None, url: str, token: str, as_json: bool) -> None:
    """Create a token called NAME; it is shown now and never again."""
    with admin_client(url, token) as admin:
        created = admin.create_token(name=name, kind=kind, collection=collection)
    if as_json:
        print_json(created)
        return
    say(f"{name} may {'read' if kind == 'analyst' else 'administer'} {collection or 'every collection'}.")
    say("The token, shown only now:")
    click.echo(created["token"])


@token.command("list")
@service_options
@json_option
def list_(url: str, token: str, as_json: bool) -> None:
    """List all tokens, revoked ones too, without their secrets."""
    with admin_client(url, token) as admin:
        found = admin.tokens()
    if as_json:
        print_json({"tokens": found})
        return
    columns = ["id", "name", "kind", "collection", "last used", "state"]
    rows = [
        [
            str(one["id"]),
            one["name"],
            one["kind"],
            one["collection"] or "all",
            one["last_used"] or "never",
            "usable" if one["usable"] else "revoked",
        ]
        for one in found
    ]
    print_table(columns, rows, right=("id",))


@token.command()
@click.argument("token_id", metavar="ID", type=click.IntRange(min=0))
@service_options
@json_option
def revoke(token_id: int, url: str, token: str, as_json: bool) -> None:
    """Revoke the token with this ID, now and for ever; `fano token list` shows the ids."""
    with admin_client(url, token) as admin:
        admin.revoke_token(token_id)
    if as_json:
        print_json({"id": token_id, "usable": False})
    else:
        say(f"Token {token_id} is revoked.")


@token.command()
@click.option("--last", type=click.IntRange(min=1), default=50, show_default=True, help="Only so many of the newest.")
@service_options
@json_option
def log(last: int, url: str, token: str, as_json: bool) -> None:
    """Show the audit log: which token administered what, to the hour."""
    with admin_client(url, token) as admin:
        entries = admin.audit_log()[-last:]
    if as_json:
        print_json({"entries": entries})
        return
    columns = ["number", "hour", "actor", "act", "subject", "detail"]
    print_table(columns, [[str(entry[column]) for column in columns] for entry in entries], right=("number",))
