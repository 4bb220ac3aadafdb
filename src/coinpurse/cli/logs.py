"""Logs of long-running commands: one line an event on stderr, for people, or as JSON for machines."""

import logging
import logging.config
import sys
from typing import Any

import structlog

SELDOM_SECONDS = 10.0
BEFORE: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def config(as_json: bool, every_request: bool = False) -> dict[str, Any]:
    """The logging configuration, as plain data: each server process gets it and applies it itself. Requests
    that went well and quickly have their lines with `every_request` only."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{__name__}.formatter", "as_json": as_json}},
        "filters": {"seldom": {"()": f"{__name__}.Seldom"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "httpx": {"level": "WARNING"},
            "uvicorn.access": {"level": "WARNING"},
            "psycopg.pool": {"filters": ["seldom"]},
        }
        | ({"coinpurse.api": {"level": "DEBUG"}} if every_request else {}),
    }


class Seldom(logging.Filter):
    """Each kind of message once in ten seconds: while the database is away, the pool says so all the time."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one is written."""
        due = record.created >= self._last.get(record.msg, 0.0) + SELDOM_SECONDS
        if due:
            self._last[record.msg] = record.created
        return due


def formatter(as_json: bool) -> logging.Formatter:
    """How a line looks; also sends structlog's events the same way."""
    structlog.configure(
        processors=[*BEFORE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    render = structlog.processors.JSONRenderer() if as_json else _for_people()
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    errors: list[structlog.typing.Processor] = [structlog.processors.format_exc_info] if as_json else []
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=BEFORE, processors=[clean, *errors, _without_colour_codes, render]
    )


def _for_people() -> structlog.dev.ConsoleRenderer:
    # Not the tracebacks that it would choose where `rich` is installed: those show variables, secrets too.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )


def _without_colour_codes(
    _logger: Any, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    event.pop("color_message", None)  # uvicorn says each thing twice
    return event


def start(as_json: bool) -> None:
    """Use this configuration in this process."""
    logging.config.dictConfig(config(as_json))
