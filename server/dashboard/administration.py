"""What an administrator does with forms: new collections, their moves, their write keys, and the tokens of people."""

from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from ldp_core.mechanisms import list_mechanisms
from server.clock import HOUR
from server.dashboard import words
from server.dashboard.guard import Form
from server.dashboard.visits import View, Visit
from server.refusals import InvalidParameters, UnknownResource
from server.services.collections import Proposal
from server.services.keys import key_name
from server.services.tokens import Scope
from server.storage.tokens import TokenRow

__all__ = [
    "KeysModel",
    "NewCollectionModel",
    "SecretModel",
    "TokensModel",
    "create_collection",
    "create_key",
    "create_token",
    "keys_page",
    "move_collection",
    "new_collection_page",
    "revoke_key",
    "revoke_token",
    "tokens_page",
]

_FIELDS = (
    "name",
    "question",
    "items",
    "epsilon",
    "mechanism",
    "window",
    "min_reports",
    "cohorts",
    "label_rows",
    "label_bound",
)
_DEFAULTS = {"epsilon": "1", "mechanism": "projective_geometry", "window": "P1D", "min_reports": "0"}
_LONGEST_NAME = 200


@dataclass(frozen=True)
class NewCollectionModel:
    """fields: what is in the form · errors: by field, what is wrong · mechanisms: that can be chosen."""

    fields: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    mechanisms: tuple[str, ...] = field(default_factory=list_mechanisms)


@dataclass(frozen=True)
class SecretModel:
    """A secret that is shown once. what: whose it is · onward: the page to go on to."""

    what: str
    secret: str
    advice: str
    onward: str


@dataclass(frozen=True)
class KeyLine:
    """A token or write key, without its secret. last_used: a day, or never · ends: a moment to come, None when none is set."""

    number: int
    name: str
    kind: str
    collection: str | None
    usable: bool
    last_used: str
    ends: str | None


@dataclass(frozen=True)
class KeysModel:
    """The write keys of a collection."""

    id: str
    question: str
    keys: tuple[KeyLine, ...]


@dataclass(frozen=True)
class TokensModel:
    """The tokens of people."""

    tokens: tuple[KeyLine, ...]


async def new_collection_page(visit: Visit) -> View:
    """The form for a collection, filled in from the address, as the plan page does."""
    visit.require_admin()
    query = visit.query
    given = {name: query.text(name) for name in _FIELDS if query.text(name)}
    return View("new_collection.html", "New collection", NewCollectionModel(_filled(given)))


async def create_collection(visit: Visit, form: Form) -> View:
    """Make a draft, and show its write key once; the form again when something does not fit."""
    admin = visit.require_admin()
    fields = {name: form.text(name) for name in _FIELDS}
    try:
        proposal = _proposal(fields)
        row, key = await run_in_threadpool(visit.services.collections.create, proposal, actor=admin.principal.name)
    except InvalidParameters as refused:
        errors = {entry["field"]: entry["message"] for entry in refused.extras["errors"]}
        return View("new_collection.html", "New collection", NewCollectionModel(_filled(fields), errors), 422)
    advice = "Phones send their reports with it. It keeps out noise and proves nothing, so it may be shipped in an app."
    return View("secret.html", "Write key", SecretModel("write key", key, advice, f"/collections/{row.id}"), 201)


def _filled(given: dict[str, str]) -> dict[str, str]:
    return {name: given.get(name, _DEFAULTS.get(name, "")) for name in _FIELDS}


def _proposal(fields: dict[str, str]) -> Proposal:
    """Raises InvalidParameters."""
    for name in ("name", "question"):
        _require_text(name, fields[name])
    terms: dict[str, Any] = {
        "name": fields["name"],
        "question": fields["question"],
        "epsilon": fields["epsilon"],
        "window": fields["window"],
        "min_reports": _whole("min_reports", fields["min_reports"] or "0"),
    }
    if fields["label_rows"] or fields["label_bound"]:
        for name in ("items", "cohorts"):
            if fields[name]:
                raise InvalidParameters.of(name, "a collection of labels has none; leave this empty")
        return Proposal(**terms, labels=(_whole("label_rows", fields["label_rows"]), fields["label_bound"]))
    return Proposal(
        **terms, mechanism=fields["mechanism"], cohorts=_lines(fields["cohorts"]), items=_lines(fields["items"])
    )


def _require_text(name: str, text: str) -> None:
    longest = _LONGEST_NAME if name == "name" else 2_000
    if not 0 < len(text) <= longest or any(ord(character) < 32 for character in text):
        raise InvalidParameters.of(name, f"give a {name} of 1 to {longest:,} characters, on one line")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidParameters.of(name, f"give a whole number, got {text[:40]!r}")
    return int(text)


async def move_collection(visit: Visit, form: Form) -> Response:
    """Open, pause or close."""
    admin = visit.require_admin()
    row, _ = await visit.collection()
    verb = form.text("verb")
    if verb not in ("open", "pause", "close"):
        raise InvalidParameters.of("verb", f"a collection can open, pause or close; got {verb[:40]!r}")
    await run_in_threadpool(visit.services.changes.move, row.id, verb, actor=admin.principal.name)
    return RedirectResponse(visit.page(f"/collections/{row.id}"), 303)


async def keys_page(visit: Visit) -> View:
    """The write keys of a collection."""
    visit.require_admin()
    row, _ = await visit.collection()
    keys = await run_in_threadpool(visit.services.keys.keys, row.id)
    now = visit.services.clock.now()
    lines = tuple(_line(key, key.name.removesuffix(key_name(row.id, "")), now) for key in keys)
    return View("keys.html", f"Write keys: {row.question}", KeysModel(row.id, row.question, lines))


async def create_key(visit: Visit, form: Form) -> View:
    """A further write key, shown once."""
    admin = visit.require_admin()
    row, _ = await visit.collection()
    _require_text("name", form.text("name"))
    made = await run_in_threadpool(
        visit.services.keys.create_key, actor=admin.principal.name, collection_id=row.id, name=form.text("name")
    )
    visit.services.intake.forget(row.id)
    advice = "Ship it in the next version of the app; end the old key when the phones have it."
    return View(
        "secret.html", "Write key", SecretModel("write key", made.secret, advice, f"/collections/{row.id}/keys"), 201
    )


async def revoke_key(visit: Visit, form: Form) -> Response:
    """End a write key now."""
    admin = visit.require_admin()
    row, _ = await visit.collection()
    number = _number(form)
    await run_in_threadpool(
        visit.services.keys.revoke_key, actor=admin.principal.name, collection_id=row.id, number=number
    )
    visit.services.intake.forget(row.id)
    return RedirectResponse(visit.page(f"/collections/{row.id}/keys"), 303)


async def tokens_page(visit: Visit) -> View:
    """The tokens of people."""
    visit.require_admin()
    rows = await run_in_threadpool(visit.services.keys.tokens)
    now = visit.services.clock.now()
    return View("tokens.html", "Tokens", TokensModel(tuple(_line(row, row.name, now) for row in rows)))


async def create_token(visit: Visit, form: Form) -> View:
    """A token for a person, shown once."""
    admin = visit.require_admin()
    _require_text("name", form.text("name"))
    kind = Scope.ADMIN if form.text("kind") == "admin" else Scope.ANALYST
    made = await run_in_threadpool(
        visit.services.keys.create_token,
        actor=admin.principal.name,
        name=form.text("name"),
        kind=kind,
        collection_id=form.text("collection") or None,
    )
    advice = "Give it to one person, over a channel that you trust."
    return View("secret.html", "Token", SecretModel(f"{kind} token", made.secret, advice, "/tokens"), 201)


async def revoke_token(visit: Visit, form: Form) -> Response:
    """End a token, and every session that was opened with it, now."""
    admin = visit.require_admin()
    number = _number(form)
    await run_in_threadpool(visit.services.keys.revoke_token, actor=admin.principal.name, number=number)
    return RedirectResponse(visit.page("/tokens"), 303)


def _number(form: Form) -> int:
    text = form.text("number")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise UnknownResource("this names no token or key; load the page again")
    return int(text)


def _line(row: TokenRow, name: str, now: float) -> KeyLine:
    return KeyLine(
        number=row.number,
        name=name,
        kind=row.scope,
        collection=row.collection_id,
        usable=row.usable(now),
        last_used="never" if row.last_used_day is None else words.day(row.last_used_day * 24 * HOUR),
        ends=words.moment(row.ends, 1) if row.ends is not None and row.usable(now) else None,
    )
