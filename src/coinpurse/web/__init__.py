"""The pages that customers see, and the pill. `create_web` makes them one ASGI application."""

from coinpurse.web.app import create_web
from coinpurse.web.brand import Brand

__all__ = ["Brand", "create_web"]
