"""Staff: who may come to the support console, and in which role. Local accounts have a password; with OpenID
Connect (app/oidc.py) somebody else vouches for them."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, get_args

import anyio
import anyio.to_thread
import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from coinpurse.app.context import Context, Who
from coinpurse.domain.errors import Conflict, Invalid, NotFound, TooManyAttempts, Unauthorized

Role = Literal["viewer", "agent", "lead", "admin"]
#: From the least to the most: each may do what those before it may.
ROLES: tuple[Role, ...] = get_args(Role)
IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)  # how exactly it is noted when somebody was last there
WINDOW = timedelta(minutes=15)
MOST_BY_EMAIL, MOST_BY_ADDRESS = 8, 40  # attempts to sign in within that
MOST_PASSWORD = 1_024

COLUMNS = "staff, email, name, role, password IS NOT NULL AS has_password, created_at, disabled_at"
BY_EMAIL = f"SELECT {COLUMNS}, password FROM coinpurse.staff WHERE email = %s"  # noqa: S608 - constants only
EVERYBODY = f"SELECT {COLUMNS} FROM coinpurse.staff ORDER BY email"  # noqa: S608 - constants only
SIGNED_IN = f"""
    SELECT {COLUMNS}, s.started_at, s.seen_at < clock_timestamp() - %(every)s::interval AS unseen
      FROM coinpurse.staff_sessions s JOIN coinpurse.staff USING (staff)
     WHERE s.session = %(session)s AND disabled_at IS NULL
       AND s.seen_at > clock_timestamp() - %(idle)s::interval
       AND s.started_at > clock_timestamp() - %(longest)s::interval"""  # noqa: S608 - constants only

log = structlog.get_logger("coinpurse.staff")
_hasher = PasswordHasher()
#: Each comparison takes 64 MiB and a good part of a core for a moment.
_comparing = anyio.CapacityLimiter(2)


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff. `email` is the name under which they act."""

    id: str
    email: str
    name: str
    role: Role
    has_password: bool
    created_at: datetime
    disabled_at: datetime | None

    @property
    def who(self) -> Who:
        """As the app layer and the ledger know who acts; support sees live and test accounts."""
        return Who(f"staff:{self.email}")

    def may(self, role: Role) -> bool:
        """Whether they are of that role or above it."""
        return ROLES.index(self.role) >= ROLES.index(role)


def _staff(row: Any) -> Staff:
    same = ("email", "name", "role", "has_password", "created_at", "disabled_at")
    return Staff(id=row["staff"], **{name: row[name] for name in same})


async def add(
    ctx: Context, by: str, email: str, *, role: str, name: str | None = None, password: bool = True
) -> tuple[Staff, str | None]:
    """Adds a member of staff, and gives the password that was made for them, which can't be read again; none
    without `password`: they sign in by OpenID Connect. Raises Invalid, Conflict."""
    email = _email(email)
    _check_role(role)
    made = secrets.token_urlsafe(18) if password else None
    hashed = await _hash(made) if made else None
    id = f"st_{secrets.token_hex(8)}"
    if not await ctx.db.call(
        "add_staff", staff=id, email=email, name=(name or email)[:200], role=role, password=hashed
    ):
        raise Conflict(f"There is a member of staff {email!r} already. `coinpurse staff list` shows them.")
    await note(ctx, by, "staff_added", email, f"as {role}")
    return await find(ctx, email), made


def _email(text: str) -> str:
    email = text.strip().lower()
    if not 3 <= len(email) <= 200 or "@" not in email or not email.isprintable() or " " in email:
        raise Invalid.at("/email", "It is an email address.")
    return email


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid.at("/role", f"It is one of {', '.join(ROLES)}.")


async def everybody(ctx: Context) -> list[Staff]:
    """All members of staff, disabled ones too."""
    return [_staff(row) for row in await ctx.db.rows(EVERYBODY)]


async def find(ctx: Context, email: str) -> Staff:
    """A member of staff. Raises NotFound."""
    rows = await ctx.db.rows(BY_EMAIL, [email.strip().lower()])
    if not rows:
        raise NotFound(f"There is no member of staff {email!r}. `coinpurse staff list` shows them.")
    return _staff(rows[0])


async def change(
    ctx: Context, by: str, email: str, *, role: str | None = None, enabled: bool | None = None
) -> Staff:
    """Changes somebody's role, or disables or enables them; their sessions end at once. Raises NotFound,
    Invalid."""
    known = await find(ctx, email)
    if role is not None:
        _check_role(role)
    await ctx.db.call("change_staff", staff=known.id, role=role, password=None, enabled=enabled)
    what = f"is now {role}" if role else "enabled" if enabled else "disabled"
    await note(ctx, by, "staff_changed", known.email, what)
    return await find(ctx, email)


async def new_password(ctx: Context, by: str, email: str) -> str:
    """Makes a new password, which can't be read again, and ends the sessions. Raises NotFound."""
    known, made = await find(ctx, email), secrets.token_urlsafe(18)
    hashed = await _hash(made)
    await ctx.db.call("change_staff", staff=known.id, role=None, password=hashed, enabled=None)
    await note(ctx, by, "staff_changed", known.email, "has a new password")
    return made


async def _hash(password: str) -> str:
    return await anyio.to_thread.run_sync(_hasher.hash, password, limiter=_comparing)


async def sign_in(ctx: Context, email: str, password: str, address: str) -> str:
    """A token for somebody who knows their password; `address` is where they come from. Raises Unauthorized,
    TooManyAttempts."""
    email = email.strip().lower()
    await _count(ctx, f"address {address}", MOST_BY_ADDRESS)
    await _count(ctx, f"email {email}", MOST_BY_EMAIL)
    rows = await ctx.db.rows(BY_EMAIL, [email]) if "\0" not in email else []
    known = rows[0] if rows and rows[0]["disabled_at"] is None else None
    hashed = known["password"] if known else None
    right = await anyio.to_thread.run_sync(_fits, hashed, password[:MOST_PASSWORD], limiter=_comparing)
    if known is None or not right:
        log.warning("staff sign-in refused", address=address)
        raise Unauthorized("This address and password don't belong together, or may not come in.")
    await ctx.db.call("forget_attempts", names=[_name(f"address {address}"), _name(f"email {email}")])
    return await start_session(ctx, _staff(known), "with a password")


def _name(what: str) -> bytes:
    return hashlib.sha256(what.encode("utf-8", "replace")).digest()


@cache
def _nobodys() -> str:
    """What is compared where there is no password: an unknown address takes as long as a known one."""
    return _hasher.hash(secrets.token_hex(16))


def _fits(hashed: str | None, password: str) -> bool:
    try:
        return _hasher.verify(hashed or _nobodys(), password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


async def _count(ctx: Context, what: str, most: int) -> None:
    """Counts before comparing, so that guesses at the same time count too."""
    if await ctx.db.call("count_attempt", name=_name(what), window=WINDOW) > most:
        minutes = int(WINDOW.total_seconds() // 60)
        raise TooManyAttempts(
            f"Too many attempts to sign in. Wait {minutes} minutes, then try again.",
            retry_after=int(WINDOW.total_seconds()),
        )


async def start_session(ctx: Context, known: Staff, how: str) -> str:
    """A session's token, for a cookie; only its hash is kept."""
    token = secrets.token_urlsafe(32)
    await ctx.db.call("start_staff_session", session=_name(token), staff=known.id, longest=LONGEST)
    await note(ctx, known.email, "signed_in", None, how)
    return token


async def signed_in(ctx: Context, token: str) -> Staff:
    """Whose session it is, while it lasts: 30 minutes after the last look, 12 hours in all. Raises
    Unauthorized."""
    session = _name(token)
    asked = {"session": session, "idle": IDLE, "longest": LONGEST, "every": SEEN_EVERY}
    rows = await ctx.db.rows(SIGNED_IN, asked)
    if not rows:
        raise Unauthorized("You are not signed in, or your session has ended.")
    if rows[0]["unseen"]:
        await ctx.db.call("see_staff_session", session=session)
    return _staff(rows[0])


async def sign_out(ctx: Context, token: str) -> None:
    """Ends a session, wherever its token went."""
    known = await signed_in(ctx, token)
    await ctx.db.call("end_staff_session", session=_name(token))
    await note(ctx, known.email, "signed_out", None, None)


async def note(ctx: Context, by: str, act: str, target: str | None, result: str | None) -> None:
    """Puts into the audit trail what is done already."""
    id = uuid.uuid4()
    await ctx.db.call("note_staff_act", id=id, staff=by, act=act, target=target, result=result)
