"""The least that a server can do under uvicorn: what HTTP costs before anything is asked of it."""

import sys
from typing import Any

import uvicorn

from coinpurse.api.wire import WholeAnswers

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"2"), (b"content-type", b"application/json")],
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers `{}` to whatever is asked."""
    if scope["type"] == "http":
        await send(_START)
        await send({"type": "http.response.body", "body": b"{}"})


if __name__ == "__main__":
    uvicorn.run(
        app, http=WholeAnswers, port=int(sys.argv[1]), access_log=False, log_level="warning", ws="none"
    )
