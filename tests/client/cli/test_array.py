"""`fano array` against the real service: stored once, listed, named in a request, forgotten; and told why not."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from client.cli import application
from client.sdk import ServiceRefusal
from tests.client.cli.conftest import Fano
from tests.client.fake_service import FakeService, problem, served
from tests.services.in_process import ADMIN, InProcess, settings


@pytest.fixture
def service(sqlite_url: str, tmp_path: Path) -> Iterator[InProcess]:
    with InProcess(settings(sqlite_url, data_dir=tmp_path, array_bytes=5_000, arrays_per_token=3)) as running:
        yield running


@pytest.fixture
def fano(service: InProcess, fano_at: Callable[[InProcess], Fano]) -> Fano:
    return fano_at(service)


def saved(folder: Path, numbers: object, name: str = "tokens.npy") -> str:
    np.save(folder / name, np.asarray(numbers))
    return str(folder / name)


def test_an_array_from_its_file_to_its_end(fano: Fano, service: InProcess, tmp_path: Path) -> None:
    numbers = np.arange(60, dtype=np.float32).reshape(5, 4, 3)
    told = fano("array", "add", saved(tmp_path, numbers))
    assert told.exit_code == 0, told.exception
    (stored,) = service.get("/v1/arrays", headers=ADMIN).json()["arrays"]
    header, row = told.stdout.splitlines()
    assert header.split() == ["id", "name", "shape", "dtype", "bytes", "kept", "until"]
    assert row.split() == [stored["id"], *["5", "×", "4", "×", "3"], "float32", "240", stored["expires_at"]]
    assert "Sending tokens.npy: 368 bytes." in told.stderr
    assert f'{{"array": "{stored["id"]}"}}' in told.stderr
    np.testing.assert_array_equal(service.app.state.services.arrays.load(stored["id"], None), numbers)
    assert fano("array", "list").stdout == told.stdout
    assert json.loads(fano("array", "list", "--json").stdout) == {"arrays": [stored]}
    assert f"Array {stored['id']} is forgotten." in fano("array", "delete", stored["id"]).stderr
    assert "fano array add FILE" in fano("array", "list").stderr
    again = fano("array", "delete", stored["id"])
    assert again.exit_code == 1
    assert "no array of this id is yours" in str(again.exception)
    assert "fano array list" in str(again.exception)


def test_the_arrays_of_a_zip_have_names(fano: Fano, tmp_path: Path) -> None:
    np.savez(tmp_path / "both.npz", X=np.zeros((2, 2)), y=np.float64(1.5))
    stored = json.loads(fano("array", "add", str(tmp_path / "both.npz"), "--json").stdout)["arrays"]
    assert [(one["name"], one["shape"]) for one in stored] == [("X", [2, 2]), ("y", [])]
    assert "one number" in fano("array", "list").stdout
    gone = json.loads(fano("array", "delete", stored[0]["id"], "--json").stdout)
    assert gone == {"id": stored[0]["id"], "deleted": True}


def test_what_is_no_file_of_numpy_is_never_sent(fano: Fano, service: InProcess, tmp_path: Path) -> None:
    (tmp_path / "text.npy").write_text("1,2,3\n")
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("text.npy", "empty.npy"):
        told = fano("array", "add", str(tmp_path / name))
        assert told.exit_code == 2
        assert "is no .npy or .npz file; write it with numpy.save" in told.output
    assert fano("array", "add", str(tmp_path / "missing.npy")).exit_code == 2
    assert service.get("/v1/arrays", headers=ADMIN).json() == {"arrays": []}


def test_what_the_service_does_not_take_is_told_with_what_to_do(fano: Fano, tmp_path: Path) -> None:
    refusals = {
        "real numbers on at most 4 axes": saved(tmp_path, ["text"]),
        "5,000 bytes": saved(tmp_path, np.zeros(1_000), "large.npy"),
    }
    for reason, file in refusals.items():
        told = fano("array", "add", file)
        assert told.exit_code == 1
        assert isinstance(told.exception, ServiceRefusal)
        assert reason in str(told.exception)
    small = saved(tmp_path, np.zeros(3), "small.npy")
    for _ in range(3):
        assert fano("array", "add", small).exit_code == 0
    full = fano("array", "add", small)
    assert isinstance(full.exception, ServiceRefusal), "waiting does not help, so it is no busy service"
    assert "this token has 3 arrays stored" in str(full.exception)
    assert "fano array delete ID" in str(full.exception)


def test_a_full_store_ends_with_one_and_a_busy_service_with_three(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeService()
    with served(fake) as url:
        for slug, code in (("too-many-arrays", 1), ("rate-limited", 3)):
            fake.script = [problem(429, slug, "No")]
            arguments = ["array", "add", saved(tmp_path, np.zeros(3)), "--url", url, "--token", "t"]
            assert application.run(arguments) == code
            assert len(fake.script) == 0
    assert "fano array list" in capsys.readouterr().err
