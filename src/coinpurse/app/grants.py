"""Credits given and taken back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from coinpurse.app.context import Context, Who, check_amount, check_text, key_and_fingerprint
from coinpurse.domain.credits import Grant
from coinpurse.domain.errors import Invalid, NotFound
from coinpurse.store import shapes
from coinpurse.store.refusals import no_account, raise_refusal

KINDS = ("addon", "promo", "compensation")
GRANT = 'SELECT * FROM coinpurse.grants WHERE account = %s AND "grant" = %s'
OPEN = """
    SELECT g.*, l.remaining FROM coinpurse.wallets w
     CROSS JOIN LATERAL unnest(w.live, w.remaining) WITH ORDINALITY AS l("grant", remaining, n)
      JOIN coinpurse.grants g ON g.account = w.account AND g."grant" = l."grant"
     WHERE w.account = %s ORDER BY l.n"""


async def grant(
    ctx: Context,
    who: Who,
    account: str,
    *,
    kind: str,
    amount: int,
    expires_at: datetime | None = None,
    priority: int = 0,
    reason: str | None = None,
    exception: bool = False,
    key: str | None = None,
) -> Grant:
    """Gives credits by hand: add-on credits, which never expire, or promotional or compensation credits,
    which may. An `exception` is one to the rule that monthly credits are not given back (B10), and is
    recorded as one."""
    check_amount(amount, least=1)
    if kind not in KINDS:
        raise Invalid.at(
            "/kind", f"It is one of {', '.join(KINDS)}. Monthly credits come from a subscription."
        )
    if kind == "addon" and expires_at is not None:
        raise Invalid.at(
            "/expires_at",
            "Add-on credits never expire. For credits that do, give kind promo or compensation.",
        )
    if expires_at is not None and expires_at.tzinfo is None:
        raise Invalid.at("/expires_at", "The instant needs its offset from UTC, such as a closing Z.")
    check_text(reason, "/reason")
    if not reason:
        raise Invalid.at("/reason", "Say why: it is kept with the grant and shown to whoever asks.")
    if not isinstance(priority, int) or isinstance(priority, bool) or not -1000 <= priority <= 1000:
        raise Invalid.at("/priority", "It is a whole number from -1000 to 1000; the lower burns first.")
    answer = await ctx.db.call(
        "give",
        account=await ctx.directory.account(account, who.test),
        kind=kind,
        amount=amount,
        expires_at=expires_at,
        priority=priority,
        source={"type": "support", **({"exception": True} if exception else {})},
        actor=who.actor,
        reason=reason,
        **key_and_fingerprint(
            key, "grant", kind, amount, expires_at, priority, reason, *([exception] if exception else [])
        ),
    )
    return await given(ctx, account, answer)


async def given(ctx: Context, account: str, answer: Any) -> Grant:
    """The grant that an act made, as it was then."""
    raise_refusal(answer, account)
    act = answer["answer"]
    digest = UUID(act["account"])
    row = (await ctx.db.rows(GRANT, [digest, act["act"]]))[0]
    now = shapes.balance(account, digest, act["balance"])
    return shapes.grant(
        account, digest, row, remaining=row["amount"], balance=now, replayed=answer["status"] == "replayed"
    )


async def revoke(
    ctx: Context,
    who: Who,
    grant_id: str,
    *,
    amount: int | None = None,
    reason: str | None = None,
    key: str | None = None,
) -> Grant:
    """Takes back what is unspent of a grant, all of it (which closes it) or `amount`. What is held by running
    work is taken when that ends."""
    if amount is not None:
        check_amount(amount, least=1)
    check_text(reason, "/reason")
    if not reason:
        raise Invalid.at("/reason", "Say why: it is kept in the ledger and shown to whoever asks.")
    known, ref = await ctx.directory.owner("gr", grant_id, who.test)
    answer = await ctx.db.call(
        "revoke_grant",
        account=known.digest,
        grant=ref.act,
        amount=amount,
        actor=who.actor,
        reason=reason,
        **key_and_fingerprint(key, "revoke", grant_id, amount, reason),
    )
    raise_refusal(answer, known.id)
    act = answer["answer"]
    row = (await ctx.db.rows(GRANT, [known.digest, ref.act]))[0]
    left = (await ctx.db.rows(LEFT_AFTER, [known.digest, ref.act, act["act"]]))[0]["available"]
    now = shapes.balance(known.id, known.digest, act["balance"])
    return shapes.grant(
        known.id,
        known.digest,
        row,
        remaining=left,
        revoked=act["amount"],
        balance=now,
        replayed=answer["status"] == "replayed",
    )


LEFT_AFTER = """
    SELECT coalesce(sum(amount), 0)::bigint AS available FROM coinpurse.entries WHERE account = %s
      AND "grant" = %s AND act <= %s"""


async def grants(ctx: Context, who: Who, account: str) -> list[Grant]:
    """The grants with something available, in the order in which they will be spent (S3)."""
    digest = await ctx.directory.account(account, who.test)
    if not await ctx.db.rows("SELECT FROM coinpurse.wallets WHERE account = %s", [digest]):
        raise no_account(account)
    await ctx.db.call("touch", account=digest)
    rows = await ctx.db.rows(OPEN, [digest])
    return [shapes.grant(account, digest, row, remaining=row["remaining"]) for row in rows]


UNSPENT = """
    SELECT coalesce(w.remaining[array_position(w.live, g."grant")], 0) + coalesce(g.frozen, 0) AS unspent
      FROM coinpurse.grants g JOIN coinpurse.wallets w USING (account)
     WHERE g.account = %s AND g."grant" = %s"""


async def unspent(ctx: Context, account: UUID, grant: int) -> int:
    """What taking back a whole grant would take, frozen credits included; 0 where there is no such grant."""
    rows = await ctx.db.rows(UNSPENT, [account, grant])
    return int(rows[0]["unspent"]) if rows else 0


async def get_grant(ctx: Context, who: Who, grant_id: str) -> Grant:
    """A grant, with what is left of it. Raises NotFound."""
    known, ref = await ctx.directory.owner("gr", grant_id, who.test)
    rows = await ctx.db.rows(GRANT, [known.digest, ref.act])
    if not rows:
        raise NotFound(f"There is no grant {grant_id!r}.")
    left = await unspent(ctx, known.digest, ref.act)
    return shapes.grant(known.id, known.digest, rows[0], remaining=left)
