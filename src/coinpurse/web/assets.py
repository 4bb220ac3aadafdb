"""The files that browsers load: read once, named with a digest of their content, so that they can be kept
for ever."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
KEEP = "public, max-age=31536000, immutable"
#: Comments on lines of their own are for those who read the source, not for browsers.
COMMENT = re.compile(rb"^ */\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
ASK_AGAIN = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    content: bytes
    media_type: str
    version: str


@dataclass(frozen=True)
class Assets:
    """A folder of files, served under a path."""

    folder: Path
    base: str

    @cached_property
    def files(self) -> dict[str, Asset]:
        """Every file by its name."""
        paths = [path for path in sorted(self.folder.iterdir()) if path.suffix in TYPES]
        return {path.name: _asset(path) for path in paths}

    def url(self, name: str) -> str:
        """Where a file is, in the version that it has now."""
        return f"{self.base}/{name}?v={self.files[name].version}"

    async def serve(self, request: Request) -> Response:
        """Answers a request for a file. Modules may be loaded by other sites: the pill is made for that."""
        asset = self.files.get(request.path_params["name"])
        if asset is None:
            return Response("There is no such file.", 404, media_type="text/plain")
        keep = KEEP if request.query_params.get("v") == asset.version else ASK_AGAIN
        headers = {
            "Cache-Control": keep,
            "ETag": f'"{asset.version}"',
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, media_type=asset.media_type, headers=headers)


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    if path.suffix in (".js", ".css"):
        content = COMMENT.sub(b"", content)
    return Asset(content, TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])
