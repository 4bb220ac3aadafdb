"""What is taken and what is not, before anything is asked of the database."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter, ValidationError

from coinpurse.api.fields import AccountId, AccountInPath, Amount, Instant, Metadata, Reason
from coinpurse.domain.credits import MAX_AMOUNT


def taken(kind: Any, value: object) -> Any:
    """The value as it is understood."""
    return TypeAdapter(kind).validate_python(value)


def is_refused(kind: Any, value: object) -> bool:
    """Whether the value is refused as invalid (any other exception would be a fault)."""
    try:
        taken(kind, value)
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, MAX_AMOUNT + 1, 10**400, float("nan"), [], {}])
def test_amounts_are_whole_numbers_within_bounds(value: object) -> None:
    """S6: nothing but an integer from 0 to 10^15 is an amount."""
    assert is_refused(Amount, value)


@pytest.mark.parametrize("value", [0, 1, MAX_AMOUNT])
def test_amounts_at_the_bounds_are_taken(value: int) -> None:
    """S6: both ends of the range are amounts, zero included."""
    assert taken(Amount, value) == value


@pytest.mark.parametrize("value", ["", "a\0b", "a\nb", "\x7f", "\x85", "a\u2028b", "x" * 201, 7, None])
def test_account_ids_without_control_characters(value: object) -> None:
    """An account id is 1 to 200 characters of one printable line."""
    assert is_refused(AccountId, value)


@pytest.mark.parametrize(
    "value", ["u", "auth0|12", "team/7", "Zoë 🪙", "x" * 200, "a b", "%2F", "..", "'; --"]
)
def test_account_ids_may_be_anything_printable(value: str) -> None:
    """People's own ids are taken as they are."""
    assert taken(AccountId, value) == value


async def test_the_servers_own_scope_stays_as_it_was(api: FastAPI) -> None:
    """A server that logs paths reads its scope after us, and can't write what stands for an encoded slash."""
    path = "/v1/accounts/a/b"
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": path, "raw_path": b"/v1/accounts/a%2Fb", "query_string": b"",
        "headers": [], "scheme": "http", "server": ("credits.test", 80), "client": ("127.0.0.1", 1),
        "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await api(scope, receive, send)
    assert sent[0]["status"] == 401
    assert scope["path"] == path


def test_an_encoded_slash_belongs_to_the_account_id() -> None:
    """What stood for a slash within a path segment becomes a slash again."""
    assert taken(AccountInPath, "team\udc2f7") == "team/7"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T10:00:00Z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31t10:00:00.5z", datetime(2026, 1, 31, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T10:00:00.123456789Z", datetime(2026, 1, 31, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-01-31T00:30:00+02:00", datetime(2026, 1, 30, 22, 30, tzinfo=UTC)),
        ("2026-01-31T00:30:00 02:00", datetime(2026, 1, 30, 22, 30, tzinfo=UTC)),
        ("2026-01-31 10:00:00-00:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_instants_are_read_exactly(text: str, instant: datetime) -> None:
    """RFC 3339 with any offset is understood, in UTC, to the microsecond."""
    read = taken(Instant, text)
    assert (read, read.tzinfo) == (instant, UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T10:00:00",
        "2026-01-31",
        "2026-02-30T10:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T10:00:60Z",
        "2026-01-31T10:00:00+25:00",
        "2026-01-31T10:00:00.Z",
        "1999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+23:59",
        "٢٠٢٦-01-31T10:00:00Z",
        1769853600,
        True,
        None,
        "",
        "now",
    ],
)
def test_instants_that_could_be_misread_are_refused(value: object) -> None:
    """No offset, no such day, far away or not text: refused instead of guessed."""
    assert is_refused(Instant, value)


@pytest.mark.parametrize(
    "value",
    [
        [],
        "x",
        {"a": "\0"},
        {"\0": 1},
        {"a": ["b", {"c": "\0"}]},
        {"a": {"b": {"c": {"d": {}}}}},
        {"a": 2**53},
        {"a": "x" * 8190},
    ],
)
def test_metadata_that_could_not_be_kept_is_refused(value: object) -> None:
    """Metadata is an object that comes back as it was sent, of at most 8 KiB."""
    assert is_refused(Metadata, value)


def test_metadata_comes_back_as_it_was() -> None:
    """Text, numbers, lists and objects are kept."""
    value = {"job": "j_1", "n": -1, "f": 1.5, "tags": ["a", None, True], "model": {"name": "x {y}"}}
    assert taken(Metadata, value) == value


def test_reasons_may_have_lines_but_no_other_controls() -> None:
    """A reason is prose of at most 1,000 characters."""
    assert taken(Reason, "a\nb\tc") == "a\nb\tc"
    assert all(is_refused(Reason, value) for value in ["", "\0", "x" * 1001])
