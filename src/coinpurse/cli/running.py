"""How commands run: on an open context, and every failure becomes words and an exit code in one place."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from coinpurse.app.context import Context, Who
from coinpurse.cli.saying import UNREACHABLE, WRONG, Said, fail, say
from coinpurse.domain.errors import CoinpurseError, SettingsError, Unavailable
from coinpurse.settings import Settings
from coinpurse.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from coinpurse.store.migrate import MigrationError

as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


def in_context(command: Callable[..., Awaitable[Said]]) -> Callable[..., None]:
    """Make an async function of an open Context a command's body; it also gets --json."""

    @as_json
    @functools.wraps(command)
    def body(as_json: bool, **options: Any) -> None:
        with kind_errors(as_json):
            said = asyncio.run(_with_context(command, options))
        say(said, as_json)

    return body


def of_account(command: Callable[..., Awaitable[Said]]) -> Callable[..., None]:
    """As `in_context`, for a command about one account: it gets the ID and, as `who`, in which mode."""

    @click.argument("account", metavar="ID")
    @click.option("--test", is_flag=True, help="The test account of that id (default: the live one, if any).")
    @in_context
    @functools.wraps(command)
    async def body(ctx: Context, test: bool, **options: Any) -> Said:
        return await command(ctx, Who("cli", True if test else None), **options)

    return body


async def _with_context(command: Callable[..., Awaitable[Said]], options: dict[str, Any]) -> Said:
    from coinpurse.wiring import open_context  # wiring knows everything; at the top it would be a circle

    async with open_context(settings(), size=2) as ctx:
        return await command(ctx, **options)


async def ready(chosen: Settings) -> None:
    """Open and close everything once, so that what is wrong is said before a server starts."""
    from coinpurse.wiring import open_context

    async with open_context(chosen, size=1):
        pass


def settings() -> Settings:
    """What the environment says. A value that makes no sense is wrong usage (exit code 2)."""
    try:
        return Settings.from_env()
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def database(chosen: Settings) -> Iterator[str]:
    """The database's address; the embedded one runs meanwhile, if it is that."""
    if chosen.database_url:
        yield chosen.database_url
    else:
        with EmbeddedPostgres(chosen.home) as url:
            yield url


@contextmanager
def kind_errors(as_json: bool) -> Iterator[None]:
    """Turn what is raised into words and an exit code."""
    try:
        yield
    except SettingsError as error:
        raise click.UsageError(error.detail) from error
    except CoinpurseError as error:
        problem = {"code": error.code, "title": error.title, "detail": error.detail, **error.fields}
        fail(problem, UNREACHABLE if isinstance(error, Unavailable) else WRONG, as_json)
    except EmbeddedPostgresError as error:
        fail(
            _problem("embedded_postgres", "The embedded database is in trouble", error), UNREACHABLE, as_json
        )
    except MigrationError as error:
        fail(_problem("migration", "The database and this version don't fit together", error), WRONG, as_json)
    except KeyboardInterrupt:
        raise click.Abort from None
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:
        if click.get_current_context().find_root().obj["traceback"]:
            raise
        problem = _problem("unexpected", "Something unexpected went wrong", error)
        problem["detail"] = (
            f"{type(error).__name__}: {error}\nThis is a mistake in Coinpurse. To report it, run the same "
            "command as `coinpurse --traceback …` and add what that prints."
        )
        fail(problem, WRONG, as_json)


def _problem(code: str, title: str, error: Exception) -> dict[str, Any]:
    return {"code": code, "title": title, "detail": str(error)}
