"""Logs as one line of JSON each: what happened, in which request, never who asked.

Only the fields named here are written. The text of an exception may quote what was sent, so of an exception the type and the
lines of code are written, and not its text.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

__all__ = ["FIELDS", "JsonFormatter", "log_config"]

FIELDS = ("request_id", "route", "method", "status", "problem", "milliseconds")
"""Members of a record that are written when it has them."""

_OURS = ("server", "fano")


class JsonFormatter(logging.Formatter):
    """A record as a JSON object: time (UTC), level, logger, event, and those of FIELDS that it has."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # a library may put anything into its arguments; ours put none in that tells a sender
            "event": record.getMessage() if record.name.startswith(_OURS) else str(record.msg),
        }
        entry.update({name: getattr(record, name) for name in FIELDS if hasattr(record, name)})
        if record.exc_info is not None and record.exc_info[1] is not None:
            entry["error"] = _chain(record.exc_info[1])
        return json.dumps(entry, ensure_ascii=False)


def _chain(error: BaseException | None) -> list[dict[str, Any]]:
    """The error and what caused it, each as type and places."""
    chain: list[dict[str, Any]] = []
    while error is not None and len(chain) < 5:
        places = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        chain.append({"type": type(error).__qualname__, "at": places[-12:]})
        error = error.__cause__ or error.__context__
    return chain


def log_config(level: str) -> dict[str, Any]:
    """A configuration for `logging.config.dictConfig`: everything from `level` up, as JSON, to standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {name: {"level": level.upper()} for name in _OURS},
    }
