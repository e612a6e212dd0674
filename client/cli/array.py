"""`fano array`: arrays of numbers at a service, sent once and named in requests of analyses."""

from pathlib import Path

import click
import numpy as np

from client.cli.options import admin_client, json_option, service_options
from client.cli.output import print_json, print_table, say
from client.rest import Document

__all__ = ["array"]

_BEGINNINGS = (b"\x93NUMPY", b"PK\x03\x04")
"""Of a .npy file, and of the zip archive that a .npz file is."""


@click.group()
def array() -> None:
    """Store, list and delete arrays of numbers that analyses are asked about."""


def _file_of_numpy(ctx: click.Context, argument: click.Parameter, file: Path) -> Path:
    with file.open("rb") as opened:
        if not opened.read(6).startswith(_BEGINNINGS):
            raise click.BadParameter(
                f"{file} is no .npy or .npz file; write it with numpy.save or numpy.savez", ctx, argument
            )
    return file


@array.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path), callback=_file_of_numpy
)
@service_options
@json_option
def add(*, file: Path, url: str, token: str, as_json: bool) -> None:
    """Store the array of a .npy FILE, or those of a .npz FILE, for some days."""
    say(f"Sending {file.name}: {file.stat().st_size:,} bytes.")
    with admin_client(url, token) as service:
        stored = service.store_arrays(file.read_bytes())
    if as_json:
        print_json({"arrays": stored})
        return
    _print_arrays(stored)
    say(f'In a request {{"array": "{stored[0]["id"]}"}} stands for its numbers.')


@array.command("list")
@service_options
@json_option
def list_(url: str, token: str, as_json: bool) -> None:
    """List the stored arrays of this token, of all tokens for an administrator."""
    with admin_client(url, token) as service:
        found = service.arrays()
    if as_json:
        print_json({"arrays": found})
    elif found:
        _print_arrays(found)
    else:
        say("No array is stored. Send one with: fano array add FILE")


@array.command()
@click.argument("array_id", metavar="ID")
@service_options
@json_option
def delete(array_id: str, url: str, token: str, as_json: bool) -> None:
    """Forget the array with this ID now; `fano array list` shows the ids."""
    with admin_client(url, token) as service:
        service.delete_array(array_id)
    if as_json:
        print_json({"id": array_id, "deleted": True})
    else:
        say(f"Array {array_id} is forgotten.")


def _print_arrays(found: list[Document]) -> None:
    rows = [
        [
            one["id"],
            one["name"],
            " × ".join(map(str, one["shape"])) or "one number",
            np.dtype(one["dtype"]).name,
            f"{one['bytes']:,}",
            one["expires_at"],
        ]
        for one in found
    ]
    print_table(["id", "name", "shape", "dtype", "bytes", "kept until"], rows, right=("bytes",))
