"""The style sheet and the script: read once, compressed once, named by content so that a browser keeps them for good."""

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["STATIC", "Asset", "Assets"]

STATIC = Path(__file__).parent / "static"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A file as it is sent. version: the beginning of its SHA-256."""

    content: bytes
    packed: bytes
    media_type: str
    version: str

    @classmethod
    @cache
    def read(cls, file: Path) -> "Asset":
        """Read a file of the static folder, once in a process."""
        content = file.read_bytes()
        packed = gzip.compress(content, 9, mtime=0)
        return cls(content, packed, _TYPES[file.suffix], hashlib.sha256(content).hexdigest()[:12])


class Assets:
    """All files that pages refer to."""

    def __init__(self) -> None:
        self.script = json.loads((STATIC / "bundle.json").read_text())["file"]
        names = ("app.css", "icon.svg", "THIRD_PARTY_NOTICES.txt", self.script)
        self._assets = {name: Asset.read(STATIC / name) for name in names}

    def address(self, name: str) -> str:
        """The path of a file below the dashboard's root, different for other content."""
        return f"/static/{self._assets[name].version}/{name}"

    def respond(self, request: Request) -> Response:
        """Send a file."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None or asset.version != request.path_params["version"]:
            return Response("no such file\n", 404, media_type="text/plain")
        headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.media_type)
        return Response(asset.content, headers=headers, media_type=asset.media_type)
