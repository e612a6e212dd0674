"""Arrays: sent once as files of numpy, used by analyses, forgotten; and whatever is no array is refused whole."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from ldp_core.analysis.single_location.synthetic import draw_rows
from server.clock import FakeClock
from server.refusals import InvalidParameters, TooLarge
from server.services.array_files import read_arrays
from tests.server.assertions import assert_problem
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.tokens import bearer, make_token

LIMIT = 1 << 20
BINARY = {"Content-Type": "application/octet-stream"}


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def zipped(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def send(service: InProcess, content: bytes, headers: dict[str, str] = ADMIN) -> httpx.Response:
    return service.post("/v1/arrays", content=content, headers={**headers, **BINARY})


@given(
    arrays_of.arrays(
        st.sampled_from(["<f8", ">f8", "<f4", "<f2", "<i8", ">u2", "bool"]),
        arrays_of.array_shapes(min_dims=0, max_dims=4, max_side=5, min_side=0),
    ),
    st.booleans(),
)
def test_every_array_of_numbers_is_read_as_numpy_reads_it(array: Any, fortran: bool) -> None:
    (read,) = read_arrays(io.BytesIO(saved(np.asfortranarray(array) if fortran and array.ndim else array)), LIMIT)
    assert read.numbers.dtype.str in ("<f4", "<f8")
    np.testing.assert_array_equal(read.numbers, array.astype(np.float64))


@given(st.binary(max_size=300), st.integers(0, 200), st.booleans())
def test_spoilt_files_are_refused_and_nothing_else_happens(junk: bytes, place: int, packed: bool) -> None:
    whole = zipped(a=np.arange(9.0)) if packed else saved(np.arange(9.0))
    for content in (junk, whole[:place], whole[:place] + junk + whole[place + len(junk) :], whole + junk):
        try:
            read = [one.numbers for one in read_arrays(io.BytesIO(content), LIMIT)]
        except (InvalidParameters, TooLarge):
            continue
        assert all(one.dtype.kind == "f" for one in read)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n" + bytes(8),
        saved(np.array(["text"])),
        saved(np.array([1j])),
        saved(np.zeros((1, 1, 1, 1, 1))),
        saved(np.arange(9.0))[:-1],
        saved(np.arange(9.0)) + b"x",
        zipped(),
        zipped(**{f"a{i}": np.zeros(1) for i in range(17)}),
        zipped(a=np.array(["text"])),
    ],
)  # fmt: skip
def test_what_is_no_array_of_numbers_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidParameters):
        list(read_arrays(io.BytesIO(content), LIMIT))


def test_a_file_is_measured_before_memory_is_taken() -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000), }".ljust(117) + b"\n"
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(4 * LIMIT))
    for content in (
        b"\x93NUMPY\x01\x00v\x00" + header,
        saved(np.zeros(LIMIT // 4 + 1, dtype=np.uint8)),
        bomb.getvalue(),
    ):
        with pytest.raises(TooLarge):
            list(read_arrays(io.BytesIO(content), LIMIT))


def test_numbers_are_measured_as_they_are_kept() -> None:
    """Small integers are kept as eight bytes each, and the arrays of a file share one limit."""
    small = np.zeros(LIMIT // 8, dtype=np.uint8)
    (whole,) = read_arrays(io.BytesIO(saved(small)), LIMIT)
    assert whole.numbers.nbytes == LIMIT
    for content in (saved(np.zeros(LIMIT // 8 + 1, dtype=np.uint8)), zipped(a=small, b=np.zeros(1, dtype=np.uint8))):
        with pytest.raises(TooLarge):
            list(read_arrays(io.BytesIO(content), LIMIT))


def test_an_array_is_described_listed_and_deleted(service: InProcess) -> None:
    tokens = np.arange(3_000_000, dtype=np.float32).reshape(1000, 1000, 3)  # three parts
    answer = send(service, saved(tokens))
    assert answer.status_code == 201, answer.text
    (stored,) = answer.json()["arrays"]
    assert (stored["shape"], stored["dtype"], stored["bytes"], stored["name"]) == (
        [1000, 1000, 3],
        "<f4",
        tokens.nbytes,
        "",
    )
    path = f"/v1/arrays/{stored['id']}"
    assert service.get(path, headers=ADMIN).json() == stored
    assert service.get("/v1/arrays", headers=ADMIN).json() == {"arrays": [stored]}
    np.testing.assert_array_equal(service.app.state.services.arrays.load(stored["id"], None), tokens)
    assert service.request("DELETE", path, headers=ADMIN).status_code == 204
    assert_problem(service.get(path, headers=ADMIN), 404, "unknown-resource")
    assert service.get("/v1/arrays", headers=ADMIN).json() == {"arrays": []}


def test_the_arrays_of_a_zip_are_stored_by_name_all_or_none(sqlite_service: InProcess) -> None:
    answer = send(sqlite_service, zipped(X=np.zeros((2, 2)), y=np.ones(2)))
    assert [(one["name"], one["shape"]) for one in answer.json()["arrays"]] == [("X", [2, 2]), ("y", [2])]
    assert_problem(send(sqlite_service, zipped(X=np.zeros(2), y=np.array(["text"]))), 422, "invalid-parameters")
    assert len(sqlite_service.get("/v1/arrays", headers=ADMIN).json()["arrays"]) == 2


def test_an_array_is_its_tokens_alone(sqlite_service: InProcess) -> None:
    mine, other = (bearer(make_token(sqlite_service, name)["token"]) for name in ("mine", "other"))
    (stored,) = send(sqlite_service, saved(np.eye(3)), mine).json()["arrays"]
    path = f"/v1/arrays/{stored['id']}"
    for method in ("GET", "DELETE"):
        assert_problem(sqlite_service.request(method, path, headers=other), 404, "unknown-resource")
    assert sqlite_service.get("/v1/arrays", headers=other).json() == {"arrays": []}
    body = {"solver": "argmax", "theta": {"array": stored["id"]}, "noise": {"kind": "normal", "sigma": 1}}
    refused = sqlite_service.post("/v1/analysis/perturbed", json=body, headers=other)
    assert_problem(refused, 404, "unknown-resource")
    assert sqlite_service.get(path, headers=ADMIN).status_code == 200
    assert_problem(sqlite_service.post("/v1/arrays", content=b"", headers=BINARY), 401, "unknown-token")


def test_limits_are_said_and_kept(sqlite_url: str, tmp_path: Path) -> None:
    with InProcess(settings(sqlite_url, data_dir=tmp_path, array_bytes=10_000, arrays_per_token=2)) as service:
        assert_problem(send(service, saved(np.zeros(2_000))), 413, "too-large", limit=10_000)
        for _ in range(2):
            assert send(service, saved(np.zeros(3))).status_code == 201
        assert_problem(send(service, saved(np.zeros(3))), 429, "too-many-arrays", limit=2)
        assert_problem(send(service, zipped(a=np.zeros(3))), 429, "too-many-arrays", limit=2)
        assert len(service.get("/v1/arrays", headers=ADMIN).json()["arrays"]) == 2
        wrong = service.post("/v1/arrays", json={}, headers=ADMIN)
        assert_problem(wrong, 415, "unsupported-media-type")


def test_arrays_are_forgotten_in_time(sqlite_url: str, tmp_path: Path) -> None:
    clock = FakeClock(1_800_000_000.0)
    with InProcess(settings(sqlite_url, data_dir=tmp_path, array_retention_days=2), clock) as service:
        (first,) = send(service, saved(np.zeros(3))).json()["arrays"]
        clock.turn(86_400)
        (second,) = send(service, saved(np.zeros(3))).json()["arrays"]
        arrays = service.app.state.services.arrays
        assert arrays.purge() == 0
        clock.turn(86_401)
        assert arrays.purge() == 1
        found = [one["id"] for one in service.get("/v1/arrays", headers=ADMIN).json()["arrays"]]
        assert found == [second["id"]] != [first["id"]]


@pytest.fixture(scope="module")
def running(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    folder = tmp_path_factory.mktemp("arrays")
    file = folder / "fano.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with InProcess(settings(f"sqlite:///{file}", data_dir=folder)) as service:
        yield service


@pytest.mark.thorough
def test_an_analysis_of_arrays_answers_as_one_of_lists(running: InProcess) -> None:
    rows = draw_rows(200, 4, 3, gamma=0.8, noise_sd=0.1, rng=np.random.default_rng(1))
    X, y = (one["id"] for one in send(running, zipped(X=rows.X, y=rows.y)).json()["arrays"])
    by_name = {"X": {"array": X}, "y": {"array": y}, "seed": 3}
    answers = [
        running.post("/v1/analysis/single-location/fit", json=body, headers=ADMIN)
        for body in (by_name, {"X": rows.X.tolist(), "y": rows.y.tolist(), "seed": 3})
    ]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    first, second = (answer.json() for answer in answers)
    assert first["result"] == second["result"]
    assert first["params_effective"] == second["params_effective"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("reference", "status", "slug"),
    [({"array": 7}, 422, "invalid-analysis"), ({"array": "nothing"}, 404, "unknown-resource"), ({}, 422, "invalid-analysis")],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_refused(running: InProcess, reference: Any, status: int, slug: str) -> None:
    body = {"X": reference, "y": [0.0, 1.0] * 30}
    assert_problem(running.post("/v1/analysis/single-location/fit", json=body, headers=ADMIN), status, slug)
