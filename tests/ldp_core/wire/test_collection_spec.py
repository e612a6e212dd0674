"""A spec survives the wire, has one spelling, and any change to it is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldp_core.errors import DomainError, ParameterError, SpecError, ValueOutOfDomain
from ldp_core.labels import OneBitOutcome, RowLabels
from ldp_core.mechanisms import create
from ldp_core.wire import CollectionSpec, Domain, Window
from ldp_core.wire.canonical_json import canonical_json, parse_canonical_json

EMOJI = ("🙂", "😂", "😍", "🤔", "é", "e\u0301")


def spec_of(items: tuple[str, ...] | None = EMOJI, **changes: object) -> CollectionSpec:
    size = len(items) if items else 50
    fields = {
        "collection": "c1",
        "version": 1,
        "question": "Which emoji?",
        "mechanism": create("projective_geometry", epsilon="0.5", domain_size=size),
        "domain": Domain(items) if items else None,
    }
    return CollectionSpec(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", [spec_of(), spec_of(None), spec_of(window=Window("PT6H"))])
def test_a_spec_survives_the_wire(spec: CollectionSpec) -> None:
    again = CollectionSpec.parse(spec.canonical, digest=spec.digest)
    assert again.canonical == spec.canonical
    assert again.mechanism.threshold == spec.mechanism.threshold
    assert again.document()["epsilon"] == "0.5"


def test_the_document_holds_integers_and_strings_only() -> None:
    def kinds(value: object) -> set[type]:
        if isinstance(value, dict):
            return set().union(*(kinds(inner) for inner in value.values()))
        if isinstance(value, list):
            return set().union(*(kinds(inner) for inner in value))
        return {type(value)}

    assert kinds(json.loads(spec_of().canonical)) <= {int, str}


def test_a_large_domain_is_fetched_apart_and_bound_by_its_digest() -> None:
    items = tuple(f"word-{number:06}" for number in range(20_000))
    spec = spec_of(items)
    assert len(spec.canonical) < 1_000
    assert spec.document()["items_url"] == "/c/c1/items"
    again = CollectionSpec.parse(spec.canonical, items=spec.domain.canonical if spec.domain else b"")
    assert again.domain is not None
    assert again.domain.index("word-000123") == 123
    with pytest.raises(SpecError, match="fetch them"):
        CollectionSpec.parse(spec.canonical)
    with pytest.raises(SpecError):
        CollectionSpec.parse(spec.canonical, items=canonical_json([*items[:-1], "other"]))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", "9999999999999999999"),
        ("epsilon", "2"),
        ("report_space", 8),
        ("domain_size", 5),
        ("parameters", {"q": 2, "t": 4}),
        ("mechanism", "unknown"),
        ("question", 7.5),
        ("extra", 1),
        ("items", ["🙂", "😂", "😍", "🤔", "é", "x"]),
        ("items_digest", "00" * 32),
        ("window", {"period": "P1D", "seconds": 1}),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(field: str, value: object) -> None:
    document = spec_of().document() | {field: value}
    raw = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(SpecError):
        CollectionSpec.parse(raw)


@pytest.mark.parametrize("field", ["threshold", "mechanism", "window", "limits", "collection"])
def test_a_spec_without_a_field_is_refused(field: str) -> None:
    document = spec_of().document()
    del document[field]
    with pytest.raises(SpecError, match=field):
        CollectionSpec.parse(canonical_json(document))


def test_a_changed_byte_is_refused_by_the_digest() -> None:
    spec = spec_of()
    with pytest.raises(SpecError, match="does not hash to"):
        CollectionSpec.parse(spec.canonical.replace(b"Which", b"whicH"), digest=spec.digest)


@pytest.mark.thorough
@given(
    st.recursive(
        st.integers() | st.text() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_canonical_json_reads_back_and_has_one_spelling(value: object) -> None:
    try:
        raw = canonical_json(value)  # type: ignore[arg-type]
    except SpecError:  # half a surrogate pair
        return
    assert parse_canonical_json(raw) == value
    assert canonical_json(parse_canonical_json(raw)) == raw


@pytest.mark.parametrize(
    "raw", [b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1.0}', b"{", b"\xff", b'{"a":1}\n', b'{"a":1,"a":2}']
)
def test_other_spellings_are_refused(raw: bytes) -> None:
    with pytest.raises(SpecError):
        parse_canonical_json(raw)


def test_a_domain_finds_its_items_and_never_names_a_missing_one() -> None:
    domain = Domain(EMOJI)
    assert [domain.index(item) for item in EMOJI] == list(range(6))
    with pytest.raises(ValueOutOfDomain) as caught:
        domain.index("my secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("items", [[], ["one"], ["a", "a"], ["a", ""], ["a", "b" * 257], ["a", 7]])
def test_what_is_no_domain_is_refused(items: list[str]) -> None:
    with pytest.raises(DomainError):
        Domain(items)


@pytest.mark.parametrize("period", ["", "P", "P0D", "PT0H", "P1M", "PT30M", "1D", "P1DT1H", "P-1D", "P٣D"])
def test_other_periods_are_refused(period: str) -> None:
    with pytest.raises(ParameterError):
        Window(period)


def test_windows_last_what_they_say() -> None:
    assert [Window(period).seconds for period in ("PT1H", "P1D", "P2W")] == [3_600, 86_400, 1_209_600]


def test_domain_and_mechanism_must_have_one_size() -> None:
    with pytest.raises(DomainError, match="for 6 items and the domain has 5"):
        spec_of(domain=Domain(EMOJI[:5]))


LABELS = RowLabels(1_000, OneBitOutcome("0.5", "2.50"))


def test_a_spec_of_labels_survives_the_wire() -> None:
    spec = CollectionSpec.of_labels("c1", 1, "Did it please you?", LABELS, window=Window("PT6H"))
    document = spec.document()
    assert document["labels"] == {"rows": 1_000, "bound": "2.5"}
    assert document["report_space"] == 2_000
    assert document["items"] == ["-2.5", "2.5"]
    again = CollectionSpec.parse(spec.canonical, digest=spec.digest)
    assert again.labels == RowLabels(1_000, OneBitOutcome("1/2", "5/2"))
    assert again.canonical == spec.canonical


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"rows": 999, "bound": "2.5"}},
        {"labels": {"rows": 1_000, "bound": "2.50"}},
        {"labels": {"rows": 1_000, "bound": "3"}},
        {"labels": {"rows": "1000", "bound": "2.5"}},
        {"labels": {"rows": 1_000}},
        {"labels": []},
        {"labels": None},
        {"report_space": 2},
        {"items": ["-1", "1"]},
        {"cohorts": ["a", "b"]},
        {"mechanism": "projective_geometry", "parameters": {"q": 2, "t": 2}},
        {"epsilon": "1"},
    ],
)
def test_a_changed_spec_of_labels_is_refused(change: dict[str, object]) -> None:
    document = CollectionSpec.of_labels("c1", 1, "?", LABELS).document()
    with pytest.raises(SpecError):
        CollectionSpec.parse(canonical_json(document | change))  # type: ignore[operator]


def test_labels_belong_to_their_own_mechanism() -> None:
    for changes in ({"domain": Domain(("low", "high"))}, {"domain": None}):
        with pytest.raises(ParameterError, match="randomized response over their two ends"):
            CollectionSpec("c1", 1, "?", LABELS.mechanism, labels=LABELS, **changes)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="randomized response over their two ends"):
        spec_of(LABELS.ends, labels=LABELS)
    with pytest.raises(ParameterError, match="no cohorts"):
        CollectionSpec("c1", 1, "?", LABELS.mechanism, domain=Domain(LABELS.ends), labels=LABELS, cohorts=("a", "b"))
