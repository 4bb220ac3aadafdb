"""The HTTP API: FastAPI routes under `/v1`, which translate between the wire and `app`."""

from coinpurse.api.app import create_api

__all__ = ["create_api"]
