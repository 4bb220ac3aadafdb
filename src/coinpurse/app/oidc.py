"""Staff sign-in by OpenID Connect (code flow with PKCE). Authlib speaks the protocol; what is said here is
whom we believe: the issuer that the settings name, signatures by its keys, tokens for us, and verified
addresses of people who were added before."""

import hmac
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import jwt
import structlog
from authlib.common.errors import AuthlibBaseError
from joserfc.errors import JoseError

from coinpurse.app import staff
from coinpurse.app.context import Context
from coinpurse.domain.errors import Conflict, NotFound, ProviderFailed, Unauthorized

BACK = "/support/oidc/callback"
ALGORITHM, AUDIENCE = "HS256", "coinpurse-oidc"  # of what we keep in the browser meanwhile
MEANWHILE = timedelta(minutes=10)
LEEWAY = 60  # seconds between the clocks
#: Signatures that only the issuer can make; whatever else it says that it supports is not believed.
SIGNED = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
BROKEN = (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, RuntimeError)

log = structlog.get_logger("coinpurse.staff")


@dataclass(frozen=True, slots=True)
class Started:
    """Where the browser goes, and what it keeps until it is back."""

    url: str
    kept: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A session's token, and the page that was asked for before."""

    token: str
    where: str


async def start(ctx: Context, where: str) -> Started:
    """Begins a sign-in at the issuer. Raises Conflict where none is set, ProviderFailed."""
    client, back = _client_of(ctx), ctx.settings.public_url + BACK
    try:
        await _metadata(ctx, client)
        made = await client.create_authorization_url(back)
    except (httpx.HTTPError, *BROKEN) as error:
        raise _unreachable(error) from error
    kept = {name: made[name] for name in ("state", "nonce", "code_verifier")}
    claims = {**kept, "where": where, "aud": AUDIENCE, "exp": datetime.now(UTC) + MEANWHILE}
    return Started(made["url"], jwt.encode(claims, await _secret(ctx), ALGORITHM))


async def finish(ctx: Context, kept: str, query: Mapping[str, str]) -> Finished:
    """Somebody is back from the issuer. Raises Unauthorized, ProviderFailed."""
    try:
        meanwhile = jwt.decode(kept, await _secret(ctx), [ALGORITHM], audience=AUDIENCE)
    except jwt.InvalidTokenError as error:
        raise Unauthorized(
            "This sign-in took too long, or began in another browser. Please begin anew."
        ) from error
    if not hmac.compare_digest(query.get("state", "").encode(), meanwhile["state"].encode()):
        raise Unauthorized("This is not the sign-in that began here. Please begin anew.")
    if "error" in query or "code" not in query:
        raise Unauthorized("Your company's sign-in was not completed. Please begin anew.")
    if query.get("iss", ctx.settings.staff.issuer) != ctx.settings.staff.issuer:
        raise Unauthorized("That came from another issuer than the one that is set here.")
    person = await _person(ctx, query["code"], meanwhile)
    return Finished(await _come_in(ctx, person), meanwhile["where"])


async def _person(ctx: Context, code: str, meanwhile: Mapping[str, str]) -> Mapping[str, Any]:
    """What the issuer says of who came, by a token that is checked."""
    client, settings = _client_of(ctx), ctx.settings.staff
    try:
        await _metadata(ctx, client)
        token = await client.fetch_access_token(
            redirect_uri=ctx.settings.public_url + BACK,
            code=code,
            code_verifier=meanwhile["code_verifier"],
        )
        claims: Mapping[str, Any] | None = await client.parse_id_token(
            token,
            meanwhile["nonce"],
            {
                "iss": {"essential": True, "value": settings.issuer},
                "aud": {"essential": True, "value": settings.client_id},
            },
            leeway=LEEWAY,
        )
    except httpx.HTTPError as error:
        raise _unreachable(error) from error
    except BROKEN as error:
        log.warning("staff sign-in refused", why=f"{type(error).__name__}: {error}")
        raise Unauthorized("Your company's sign-in could not be verified. Please begin anew.") from error
    if claims is None:
        raise Unauthorized("The issuer sent no token that says who you are.")
    return claims


async def _come_in(ctx: Context, person: Mapping[str, Any]) -> str:
    """A session for a person whom we know. At the first time they are bound to the issuer's name for them."""
    email = person.get("email")
    if not isinstance(email, str) or person.get("email_verified") is not True:
        raise Unauthorized("The issuer doesn't vouch for your email address, by which people are known here.")
    try:
        known = await staff.find(ctx, email)
    except NotFound:
        known = None
    bound = known is not None and await ctx.db.call(
        "bind_staff", staff=known.id, issuer=ctx.settings.staff.issuer, subject=str(person["sub"])
    )
    if known is None or known.disabled_at is not None or not bound:
        log.warning("staff sign-in refused", why="nobody of ours", email=email)
        raise Unauthorized(f"{email} may not come in here. An admin can add you: coinpurse staff add.")
    return await staff.start_session(ctx, known, "by OpenID Connect")


@cache
def _client(issuer: str, client_id: str, client_secret: str) -> Any:
    # Loaded where it is used: it takes a good part of a server's start, and says that it will leave httpx.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from authlib.integrations.starlette_client import OAuth
    return OAuth().register(
        "staff",
        client_id=client_id,
        client_secret=client_secret or None,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email", "code_challenge_method": "S256", "timeout": 10},
    )


def _client_of(ctx: Context) -> Any:
    chosen = ctx.settings.staff
    if chosen.issuer is None:
        raise Conflict("No OpenID Connect issuer is set here: sign in with your password.")
    return _client(chosen.issuer, chosen.client_id, chosen.client_secret)


async def _metadata(ctx: Context, client: Any) -> None:
    """The issuer's own word about itself: it must be the one that is set, and sign as only it can."""
    found = await client.load_server_metadata()
    if found.get("issuer") != ctx.settings.staff.issuer:
        raise ValueError(f"it calls itself {found.get('issuer')!r}, not {ctx.settings.staff.issuer!r}")
    said = found.get("id_token_signing_alg_values_supported") or ["RS256"]
    found["id_token_signing_alg_values_supported"] = [name for name in said if name in SIGNED] or ["RS256"]


def _unreachable(error: Exception) -> ProviderFailed:
    log.warning("the issuer of staff sign-in failed", why=f"{type(error).__name__}: {error}")
    return ProviderFailed("Your company's sign-in doesn't answer as it should. Try again in a moment.")


async def _secret(ctx: Context) -> bytes:
    secret: bytes = await ctx.db.call("secret", name="staff")
    return secret
