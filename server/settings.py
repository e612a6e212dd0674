"""Settings of the service, each from the environment variable FANO_<NAME>."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings", "misspelt"]


_YEAR = 366 * 86_400
"""The most seconds of any setting: a thread cannot wait for ever so long."""


class Settings(BaseSettings):
    """Everything an operator may choose. Sizes are bytes, rates are per second."""

    model_config = SettingsConfigDict(
        env_prefix="FANO_", extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    database_url: str | None = Field(
        default=None, description="sqlite:///path or postgresql://…; a SQLite file in data_dir when not set"
    )
    data_dir: Path = Field(default=Path("fano-data"), description="where the embedded database lives")
    admin_token: SecretStr | None = Field(
        default=None, description="admin token; when not set one is made at first start and shown once"
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="a token for /metrics and nothing else; an admin token always works there"
    )
    reports_per_batch: int = Field(default=10_000, ge=1, description="reports in one upload, at most")
    body_bytes: int = Field(default=1 << 20, ge=1_024, description="size of one upload, at most")
    admin_body_bytes: int = Field(default=64 << 20, ge=1_024, description="size of an administrator's request, at most")
    report_space_limit: int = Field(
        default=1 << 24, ge=2, le=1 << 32, description="messages of a new collection, at most: decoding needs memory"
    )
    waiting_uploads: int = Field(default=4_096, ge=1, description="uploads that may wait for the database")
    waiting_bytes: int = Field(default=64 << 20, ge=1, description="size of all waiting messages, at most")
    window_grace_seconds: float = Field(
        default=3_600, ge=0, le=_YEAR, description="how long after its end batches that state a window count in it"
    )
    fold_seconds: float = Field(
        default=60,
        ge=0,
        le=_YEAR,
        description="how often segments are looked at for folding into counts; 0: never by itself",
    )
    fold_reports: int = Field(
        default=250_000, ge=1, description="waiting reports of a window that are folded before the window is over"
    )
    uploads_per_second: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="uploads of one collection and process, averaged; no limit when not set",
    )
    retention_days: int = Field(
        default=28,
        ge=1,
        le=999,
        description="days after the end of its window in which a batch is still taken; of new collections",
    )
    retry_horizon_days: int = Field(
        default=7, ge=0, le=999, description="days beyond, in which a repeated batch still gets its first answer"
    )
    purge_rows: int = Field(default=5_000, ge=1, description="rows that one transaction of the background work deletes")
    housekeeping_seconds: float = Field(
        default=60, gt=0, le=_YEAR, description="seconds between two rounds of the background work, at most"
    )
    job_workers: int = Field(
        default=2,
        ge=0,
        le=256,
        description="jobs that this process runs at once, each in a process of its own; 0: none",
    )
    jobs_per_token: int = Field(default=20, ge=1, description="jobs of one token that may wait or run")
    job_retention_days: int = Field(default=7, ge=1, le=999, description="days for which the result of a job is kept")
    job_result_bytes: int = Field(default=64 << 20, ge=1_024, description="size of the result of a job, at most")
    array_bytes: int = Field(
        default=192 << 20,
        ge=1_024,
        description="size of a file of arrays for analyses, and of the numbers in it, at most",
    )
    arrays_per_token: int = Field(default=20, ge=1, description="arrays of one token that may be stored")
    array_retention_days: int = Field(default=7, ge=1, le=999, description="days for which an array is kept")
    dask_scheduler: str | None = Field(
        default=None, description="address of a Dask scheduler that jobs are handed to; the local pool when not set"
    )
    free_disk_bytes: int = Field(default=64 << 20, ge=0, description="not ready below this much free disk")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="info writes a line for each request; addresses are never logged"
    )
    demo: bool = Field(default=False, description="let administrators start simulated phones from the dashboard")
    demo_code: SecretStr | None = Field(
        default=None, description="in a demonstration, the code of a link that logs in once, as FANO_ADMIN_TOKEN"
    )
    warm_decoder: bool = Field(
        default=True, description="compile the decoder and load the analyses at start, in the background"
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_any_case(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level

    @field_validator("data_dir")
    @classmethod
    def _at_home(cls, folder: Path) -> Path:
        """A shell reads ~ before a setting, a file of settings does not."""
        return folder.expanduser()

    @field_validator("admin_token", "metrics_token")
    @classmethod
    def _can_be_sent(cls, token: SecretStr | None) -> SecretStr | None:
        """A token travels in a header: one that ends with the line break of the file it was read from would never be recognised."""
        text = "" if token is None else token.get_secret_value()
        if not (text.isascii() and text.isprintable() and text == text.strip()):
            raise ValueError("a token is one line of printable ASCII characters without white space at its ends")
        return token

    @property
    def database(self) -> str:
        """The database's address, the embedded one when none was chosen."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'fanoplane.sqlite3').resolve()}"


def misspelt(variables: Iterable[str]) -> dict[str, str]:
    """Environment variables that no setting reads and that look much like one, each with the one that was meant.

    >>> misspelt(["FANO_FREE_DISK_BYTE", "FANO_DATA_DIR", "FANO_URL", "HOME"])
    {'FANO_FREE_DISK_BYTE': 'FANO_FREE_DISK_BYTES'}
    """
    known = [f"FANO_{name.upper()}" for name in Settings.model_fields]
    others = [name for name in variables if name.upper().startswith("FANO") and name.upper() not in known]
    return {name: near[0] for name in others if (near := get_close_matches(name.upper(), known, 1, 0.87))}
