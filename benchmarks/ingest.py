"""Ingest and counting: packed batches and single reports over HTTP, bytes on disk, a count vector of 100 million reports.

    python -m benchmarks.ingest [--engine sqlite|postgresql] [--seconds 5] [--rounds 3] [--stored 100000000]

Ratios are within one run: packed batches over HTTP against the same segments written straight to the database, single
reports as JSON against a route of the same application that does nothing. Server, client and PostgreSQL share the machine's cores.

The same segments are those that the service has just written, read back and written once more with as many new batch keys, one
commit for each as the service did, by one process that has nothing else to do: no HTTP, no parsing, no sorting, no waiting.
Beside it stand a commit for each batch, and one for eight, by the function that the service calls. A round measures all
of them, so that what else the machine does falls on all; the middle round by its ratio is printed.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import func, insert, select, text

from benchmarks.http_load import Load, Measured
from benchmarks.ingest_server import NO_OP_PATH
from benchmarks.measure import machine
from server.services.folding import Folder
from server.services.ingest import record_group
from server.services.specs import mechanism_of
from server.services.tallies import Tallies
from server.services.writer import Receipt, Upload
from server.storage.collections import CollectionRow, count_reports, find_collection
from server.storage.database import Database
from server.storage.reports import BatchKey, Segment, insert_keys, insert_segment, lock_states
from server.storage.schema import upgrade
from server.storage.tables import batch_keys, segments

BATCH = 10_000
PACKED_CONNECTIONS = 32
QUESTION = {
    "name": "benchmark",
    "question": "?",
    "domain_size": 1_000_000,
    "epsilon": "5",
    "parameters": {"q": 101, "t": 4},
}
WINDOW_SECONDS = 86_400


@dataclass(frozen=True)
class Service:
    """A running service with one open collection."""

    port: int
    database: Database
    write_key: str
    row: CollectionRow
    process: int

    def cpu_seconds(self) -> float:
        """What the server's process has used so far, on whatever core."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, path: str, *, packed: bool, reports: int, connections: int, seconds: float) -> Measured:
        """Send from a process of its own."""
        load = Load(
            port=self.port,
            path=path,
            write_key=self.write_key,
            spec_digest=self.row.spec_digest,
            report_space=mechanism_of(self.row.spec).report_space,
            window_seconds=WINDOW_SECONDS,
            packed=packed,
            reports=reports,
            connections=connections,
            seconds=seconds,
        )
        command = [sys.executable, "-m", "benchmarks.http_load"]
        done = subprocess.run(
            command, input=json.dumps(asdict(load)), stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + 90
        )
        measured = Measured(**json.loads(done.stdout))
        if measured.refused:
            raise RuntimeError(f"{measured.refused} uploads were refused")
        return measured


@contextmanager
def service(url: str) -> Iterator[Service]:
    """A server process on this database, ended at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ingest_server", url],
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("FANO_")},
    )
    database = Database(url)
    try:
        assert process.stdout is not None
        port, token = process.stdout.readline().split()
        address = f"http://127.0.0.1:{port}/v1/collections"
        created = _post(address, token, QUESTION)
        _post(f"{address}/{created['id']}/open", token, {})
        with database.read() as connection:
            row = find_collection(connection, str(created["id"]))
        assert row is not None
        yield Service(int(port), database, str(created["write_key"]), row, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close() if process.stdout else None
        database.dispose()


def _post(address: str, token: str, document: dict[str, object]) -> dict[str, object]:
    request = urllib.request.Request(
        address,
        json.dumps(document).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 30
    while True:
        try:
            with opener.open(request, timeout=20) as answer:
                answered: dict[str, object] = json.load(answer)
                return answered
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def straight_to_the_database(running: Service, batches_a_commit: int, seconds: float) -> float:
    """Reports a second without HTTP: the same transaction, from a loop in this process."""
    row, rng = running.row, np.random.default_rng(1)
    space = mechanism_of(row.spec).report_space
    prepared = [np.sort(rng.integers(0, space, BATCH)).astype("<u4").tobytes() for _ in range(16)]
    window, stored, started = int(time.time()) // WINDOW_SECONDS, 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        uploads = [
            Upload(
                row.number,
                row.version_number,
                window,
                os.urandom(16),
                bytes(16),
                prepared[(stored + place) % 16],
                BATCH,
            )
            for place in range(batches_a_commit)
        ]
        outcomes = record_group(running.database, uploads)
        assert all(isinstance(outcome, Receipt) for outcome in outcomes)
        stored += batches_a_commit
    return stored * BATCH / (time.perf_counter() - started)


def same_segments_straight(running: Service, after: int) -> float:
    """Reports a second when the segments that the service wrote are written again, in its own groups. after: the last one of before."""
    columns = [segments.c[name] for name in Segment._fields]
    with running.database.read() as connection:
        written = connection.execute(select(*columns).where(segments.c.id > after).order_by(segments.c.id)).all()
    groups = [
        (Segment(*row), [BatchKey(os.urandom(16), os.urandom(16), BATCH) for _ in range(row.reports // BATCH)])
        for row in written
    ]
    started = time.perf_counter()
    for segment, keys in groups:
        with running.database.write_bare() as connection:
            lock_states(connection, [running.row.number])
            insert_keys(connection, segment.version, segment.window_index, keys)
            insert_segment(connection, segment)
    return sum(segment.reports for segment, _ in groups) / (time.perf_counter() - started)


def disk_bytes(database: Database) -> int:
    """What segments, counts and batch keys occupy, indexes included."""
    if database.file is not None:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()
            connection.exec_driver_sql("BEGIN")
            pages, free, size = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)
    with database.read() as connection:
        return sum(
            connection.scalar(text(f"SELECT pg_total_relation_size('{table}')")) or 0
            for table in ("segments", "tallies", "batch_keys")
        )


@dataclass(frozen=True)
class Round:
    """Reports a second: over HTTP, the same segments straight, one batch and eight batches a commit straight. group: batches a commit over HTTP."""

    http: Measured
    same: float
    one: float
    eight: float
    group: float
    disk_bytes: float

    @property
    def rate(self) -> float:
        """Reports a second over HTTP."""
        return self.http.answered * BATCH / self.http.seconds

    @property
    def ratio(self) -> float:
        """The rate against that of the same segments."""
        return self.rate / self.same


def packed_round(running: Service, seconds: float) -> Round:
    """Measure packed batches over HTTP and what they are compared with, one after the other."""
    one, eight = (straight_to_the_database(running, size, seconds) for size in (1, 8))
    stored, last, used = _stored(running), _last_segment(running), disk_bytes(running.database)
    path = f"/v1/collections/{running.row.id}/reports"
    http = running.load(path, packed=True, reports=BATCH, connections=PACKED_CONNECTIONS, seconds=seconds)
    reports = _stored(running) - stored
    assert reports == http.answered * BATCH, "every acknowledged report is stored"
    disk = (disk_bytes(running.database) - used) / reports
    commits = _last_segment(running) - last
    return Round(http, same_segments_straight(running, last), one, eight, http.answered / commits, disk)


def packed(running: Service, seconds: float, rounds: int) -> None:
    """Print rates, ratios and percentiles of packed batches, of the middle round."""
    measured = sorted((packed_round(running, seconds) for _ in range(rounds)), key=lambda each: each.ratio)
    middle = measured[rounds // 2]
    print(
        f"  packed batches of {BATCH:,} over HTTP              {middle.rate / 1e6:8.2f} million reports/s"
        f"   p50 {middle.http.p50_ms:.1f} ms, p99 {middle.http.p99_ms:.1f} ms"
    )
    for what, rate, target in (
        (f"the same segments, {middle.group:.1f} batches a commit", middle.same, "   (target 0.5)"),
        (f"straight to the database, 1 x {BATCH:,} a commit", middle.one, ""),
        (f"straight to the database, 8 x {BATCH:,} a commit", middle.eight, ""),
    ):
        print(f"  {what:46} {rate / 1e6:8.2f} million reports/s   HTTP is {middle.rate / rate:.2f} of it{target}")
    print(f"  the ratio to the same segments in each round    {', '.join(f'{each.ratio:.2f}' for each in measured)}")
    print(f"  bytes on disk a report, packed batches          {middle.disk_bytes:8.2f}")


@dataclass(frozen=True)
class SingleRound:
    """Single reports as JSON beside the route that does nothing. cpu, no_op_cpu: the server's microseconds for each."""

    upload: Measured
    no_op: Measured
    cpu: float
    no_op_cpu: float

    @property
    def ratio(self) -> float:
        """The rate against that of the route that does nothing."""
        return _rate(self.upload) / _rate(self.no_op)


def _rate(measured: Measured) -> float:
    return measured.answered / measured.seconds


def single_round(running: Service, connections: int, seconds: float) -> SingleRound:
    """Measure both, one after the other."""
    used = [running.cpu_seconds()]
    measured = []
    for path in (NO_OP_PATH, f"/v1/collections/{running.row.id}/reports"):
        measured.append(running.load(path, packed=False, reports=1, connections=connections, seconds=seconds))
        used.append(running.cpu_seconds())
    no_op, upload = measured
    no_op_cpu, cpu = (1e6 * time / each.answered for time, each in zip(np.diff(used), measured, strict=True))
    return SingleRound(upload, no_op, cpu, no_op_cpu)


def single(running: Service, seconds: float, rounds: int) -> None:
    """Print rates, ratios and percentiles of single reports as JSON, of the middle round."""
    for connections in (64, 256):
        measured = sorted(
            (single_round(running, connections, seconds) for _ in range(rounds)), key=lambda each: each.ratio
        )
        middle = measured[rounds // 2]
        print(
            f"  single reports as JSON, {connections:3} connections         {_rate(middle.upload):8.0f} uploads/s"
            f"   p50 {middle.upload.p50_ms:.1f} ms, p99 {middle.upload.p99_ms:.1f} ms   server CPU {middle.cpu:.0f} us"
        )
        print(
            f"  a route that does nothing                       {_rate(middle.no_op):8.0f} requests/s"
            f"   p99 {middle.no_op.p99_ms:.1f} ms   server CPU {middle.no_op_cpu:.0f} us"
            f"   an upload is {middle.ratio:.2f} of it   (target 0.6)"
        )
        print(
            f"  the ratio in each round                         {', '.join(f'{each.ratio:.2f}' for each in measured)}"
        )


def _stored(running: Service) -> int:
    with running.database.read() as connection:
        return count_reports(connection, [running.row.version_number])[running.row.version_number]


def _last_segment(running: Service) -> int:
    with running.database.read() as connection:
        return int(connection.scalar(select(func.max(segments.c.id))) or 0)


def counting(running: Service, reports: int) -> None:
    """Print the time of a count vector, from segments and from a checkpoint."""
    database, row = running.database, running.row
    mechanism = mechanism_of(row.spec)
    with database.write() as connection:
        for table in (segments, batch_keys):
            connection.execute(table.delete())
    rng = np.random.default_rng(2)
    for _ in range(max(1, reports // (400 * BATCH))):
        rows = [
            {
                "version": row.version_number,
                "window_index": 1,
                "reports": BATCH,
                "messages": np.sort(rng.integers(0, mechanism.report_space, BATCH, dtype=np.uint32)).tobytes(),
            }
            for _ in range(400)
        ]
        with database.write() as connection:
            connection.execute(insert(segments), rows)
    started = time.perf_counter()
    tally = Tallies(database).current(row.version_number, mechanism)
    print(
        f"  count vector of {tally.n / 1e6:.0f} million reports in segments, N = {tally.size:,}: "
        f"{time.perf_counter() - started:.2f} s   (target 3 s for 100 million)"
    )
    started = time.perf_counter()
    Folder(database, reports=1).fold_all()
    print(f"  folding them: {time.perf_counter() - started:.2f} s")
    if database.file is None:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM FULL segments"))
    started = time.perf_counter()
    folded = Tallies(database).current(row.version_number, mechanism)
    seconds = time.perf_counter() - started
    assert folded.n == tally.n
    assert np.array_equal(folded.counts, tally.counts)
    print(
        f"  the same vector from its checkpoint: {seconds:.3f} s, "
        f"{disk_bytes(database) / tally.n:.3f} bytes on disk a report"
    )


def main() -> None:
    """Measure on each engine."""
    parser = argparse.ArgumentParser(description="Ingest and counting on both engines.")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stored", type=int, default=100_000_000)
    options = parser.parse_args()
    print(machine())
    for engine in options.engine or ["sqlite", "postgresql"]:
        with ExitStack() as stack:
            url = stack.enter_context(_sqlite() if engine == "sqlite" else _postgresql())
            running = stack.enter_context(service(url))
            load = os.getloadavg()[0]
            print(f"{engine} (load average {load:.1f} when it began)", flush=True)
            packed(running, options.seconds, options.rounds)
            single(running, options.seconds, options.rounds)
            counting(running, options.stored)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="fanoplane-ingest-") as folder:
        yield f"sqlite:///{Path(folder) / 'fano.sqlite3'}"


@contextmanager
def _postgresql() -> Iterator[str]:
    from tests.services.postgresql import postgresql_cluster

    with postgresql_cluster() as cluster, cluster.database() as url:
        database = Database(url)
        upgrade(database)
        database.dispose()
        yield url


if __name__ == "__main__":
    main()
