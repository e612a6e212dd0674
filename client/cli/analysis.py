"""`fano analysis`: answers of the analyses, computed here or at a service."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from client.cli.options import admin_client, json_option, named_files
from client.cli.output import print_json, print_table, say, step_bar
from client.rest import AdminClient, Document

__all__ = ["analysis"]

_LOOK_SECONDS = 0.3
_ENDED = ("done", "failed", "cancelled")
_LONGEST_VALUE = 60


@click.command()
@click.argument("method", required=False)
@click.option(
    "--input",
    "source",
    type=click.File("rb"),
    help="JSON file with the request, - for stdin. Left out: the method's own example.",
)
@click.option(
    "--array",
    "arrays",
    multiple=True,
    callback=named_files,
    help="NAME=FILE: a member of the request from a .npy file, such as X=tokens.npy; repeat it.",
)
@click.option("--collection", help="Fill in the counts of this collection; only with --url.")
@click.option("--labels", help="Take the outcomes from this collection of labels; only with --url.")
@click.option("--url", help="Address of a service that is to do the work; left out: this computer does.")
@click.option("--token", envvar="FANO_ADMIN_TOKEN", show_envvar=True, help="Analyst or admin token of that service.")
@json_option
def analysis(
    *,
    method: str | None,
    source: Any,
    arrays: dict[str, Path],
    collection: str | None,
    labels: str | None,
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Answer a question about a histogram, here or at a service.

    METHOD is one such as max-margin; without it all are listed. What is computed here needs no service and no network. At a service, an analysis of more than two seconds is a job: its
    progress is shown, and Ctrl-C cancels it.

    \b
    Examples:
      fano analysis
      fano analysis perturbed --input question.json
      fano analysis top-k --input - --collection C1 --url https://fano.example.org < k.json
      fano analysis single-location/fit --array X=tokens.npy --labels C2 --url https://fano.example.org
    """
    if url is None and (collection or labels):
        raise click.UsageError(
            f"--{'collection' if collection else 'labels'} needs --url: the counts are at the service"
        )
    if url is not None and token is None:
        raise click.UsageError("--url needs --token, or FANO_ADMIN_TOKEN")
    if method is None:
        _list(_at_service(url, token, AdminClient.analyses) if url else _own_methods(), as_json=as_json)
        return
    request = None if source is None else _read(source)
    if arrays or labels:
        request = request or {}
    if url is None or token is None:
        document, verdicts = _here(method, request, arrays)
    else:
        references = {"collection_id": collection, "label_collection_id": labels}
        named = {name: value for name, value in references.items() if value is not None}
        with admin_client(url, token) as service:
            document, verdicts = _there(service, method, request, arrays, named)
    if as_json:
        print_json(document)
    else:
        _show(document, verdicts)


def _at_service(url: str, token: str | None, ask: Any) -> Any:
    with admin_client(url, token or "") as service:
        return ask(service)


def _read(source: Any) -> Document:
    try:
        request = json.loads(source.read())
    except ValueError as error:
        raise click.UsageError(f"{source.name} holds no JSON: {error}") from error
    if not isinstance(request, dict):
        raise click.UsageError(f"{source.name} must hold one JSON object")
    return request


def _list(methods: list[Document], *, as_json: bool) -> None:
    if as_json:
        print_json({"methods": methods})
    else:
        print_table(["method", "question"], [[one["path"], one["question"]] for one in methods])


def _own_methods() -> list[Document]:
    from ldp_core.analysis.registry import ENTRY_POINTS

    return [entry.describe() for entry in ENTRY_POINTS.values()]


def _here(path: str, given: Document | None, arrays: Mapping[str, Path]) -> tuple[Document, Mapping[str, str]]:
    """Compute in this process. AnalysisError says what cannot be answered."""
    import numpy as np

    from ldp_core.analysis.progress import Step
    from ldp_core.analysis.registry import entry_point
    from ldp_core.analysis.versions import library_versions

    method = entry_point(path).method
    start = time.perf_counter()
    try:
        loaded = {name: np.load(file, allow_pickle=False) for name, file in arrays.items()}
    except ValueError as error:
        raise click.UsageError(f"--array takes .npy files of numbers: {error}") from error
    request = method.from_json(method.EXAMPLE if given is None else {**given, **loaded})
    with step_bar() as bar:

        def tell(step: Step) -> None:
            bar(step.done, step.total, step.unit, step.metric, step.metric_value)

        result = method.run(request, progress=tell)
    seconds = round(time.perf_counter() - start, 6)
    return {**result.to_json(), "wall_seconds": seconds, "library_versions": library_versions()}, method.VERDICTS


def _there(
    service: AdminClient,
    path: str,
    given: Document | None,
    arrays: Mapping[str, Path],
    references: Mapping[str, str],
) -> tuple[Document, Mapping[str, str]]:
    """Ask a service, and wait for the job if it makes one."""
    known = {one["path"]: one for one in service.analyses()}
    if path not in known:
        raise click.ClickException(f"that service has no analysis {path!r}; it has {', '.join(known)}")
    request = dict(known[path]["example"] if given is None else given)
    if given is None and references:
        request = {name: value for name, value in request.items() if name not in ("mechanism", "counts", "n")}
    for name, file in arrays.items():
        (stored,) = service.store_arrays(file.read_bytes())
        request[name] = {"array": stored["id"]}
    request.update(references)
    answer = service.analyse(path, request)
    return (_waited(service, answer) if "status_url" in answer else answer), known[path]["verdicts"]


def _waited(service: AdminClient, accepted: Document) -> Document:
    """The result of a job. Interrupting the wait cancels it."""
    say(f"Job {accepted['id']} has begun; it takes about {accepted['predicted_seconds']:.0f} s.")
    try:
        with step_bar() as bar:
            while (job := service.job(accepted["id"]))["status"] not in _ENDED:
                if job["progress"] is not None:
                    bar(*(job["progress"][name] for name in ("done", "total", "unit", "metric", "metric_value")))
                time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        service.cancel_job(accepted["id"])
        say(f"Job {accepted['id']} is cancelled.")
        raise click.Abort from None
    if job["status"] != "done":
        detail = "somebody cancelled it" if job["error"] is None else job["error"]["detail"]
        raise click.ClickException(f"job {job['id']} {job['status']}: {detail}")
    result: Document = job["result"]
    return result


def _show(document: Document, verdicts: Mapping[str, str]) -> None:
    """The verdict with its meaning, then every single value; lists only by their length."""
    verdict = document["verdict"]
    say(f"{document['method']}: {verdict}, {verdicts.get(verdict, '')}.")
    for warning in document["warnings"]:
        say(f"Warning: {warning}")
    rows = [*_values("result", document["result"]), *_values("diagnostics", document["diagnostics"])]
    print_table(["what", "value"], rows)
    say(f"{document['wall_seconds']:.2f} s. --json prints everything.")


def _values(name: str, value: Any) -> list[list[str]]:
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _values(f"{name}.{key}", inner)]
    if isinstance(value, list):
        text = json.dumps(value, ensure_ascii=False)
        return [[name, text if len(text) <= _LONGEST_VALUE else f"{len(value)} values"]]
    return [[name, f"{value:.6g}" if isinstance(value, float) else str(value)]]
