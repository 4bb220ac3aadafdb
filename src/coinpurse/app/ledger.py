"""Reading the ledger: entries, and explanations that an end customer understands (L1, L5)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from coinpurse.app import wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Balance, Cause, Entry, Kind, Page, Taken
from coinpurse.domain.errors import Invalid
from coinpurse.domain.ids import make_id
from coinpurse.domain.values import Value
from coinpurse.store import shapes

ENTRIES = "SELECT * FROM coinpurse.entries_before(%s, %s, %s)"
MOST_ENTRIES = 1_000
#: Which acts stand behind an entry, under what name and identifier; the others are named by their own kind.
CAUSES = {
    "charge": ("charge", "ch", False),
    "capture": ("charge", "ch", False),
    "hold": ("hold", "ho", False),
    "release": ("hold", "ho", True),
    "timeout": ("hold", "ho", True),
    "reverse": ("reversal", "re", False),
    "grant": ("grant", "gr", False),
    "topup": ("topup", "gr", False),
    "trial": ("trial", "su", True),
    "revoke": ("revocation", "gr", True),
    "reclaim": ("refund", "gr", True),
    "repay": ("repayment", "gr", True),
    "expire": ("expiry", None, False),
    "subscribe": ("subscription", "su", True),
    "renew": ("renewal", "su", True),
    "late": ("renewal", "su", True),
    "fail": ("payment_failure", "su", True),
    "pay": ("payment", "su", True),
    "cancel": ("cancellation", "su", True),
    "end": ("cancellation", "su", True),
    "resume": ("resumption", "su", True),
    "pause": ("pause", "su", True),
    "change": ("plan_change", "su", True),
}
PLACES = """
    SELECT g.*, p.* FROM coinpurse.grants g
      JOIN (SELECT e."grant" AS number, row_number() OVER (ORDER BY e."grant" DESC) AS newest,
                   sum(e.amount) AS available,
                   sum(e.moved * ((target = 'held')::int - (source = 'held')::int)) AS held,
                   sum(e.moved * ((target = 'frozen')::int - (source = 'frozen')::int)) AS frozen_now,
                   sum(e.moved * ((target = 'spent')::int - (source = 'spent')::int)) AS spent,
                   coalesce(sum(e.moved) FILTER (WHERE target = 'expired'), 0) AS expired,
                   sum(e.moved * ((target = 'revoked')::int - (source = 'revoked')::int)) AS revoked
              FROM coinpurse.entries e WHERE e.account = %(account)s GROUP BY e."grant") p ON p.number =
              g."grant"
     WHERE g.account = %(account)s AND (p.available + p.held + p.frozen_now > 0 OR p.newest <= %(limit)s)
     ORDER BY g."grant" DESC"""
CHARGES = """
    SELECT coinpurse.read_act(account, act) AS answer FROM coinpurse.acts
     WHERE account = %s AND kind IN ('charge', 'capture') ORDER BY act DESC LIMIT %s"""


class GrantExplained(Value):
    """Where each credit of a grant is now, what paid for it, and that in a sentence."""

    grant: str
    kind: Kind
    amount: int
    available: int
    held: int
    frozen: int
    spent: int
    expired: int
    revoked: int
    starts_at: datetime
    expires_at: datetime | None
    source: dict[str, Any]
    reason: str | None
    sentence: str


class ChargeExplained(Value):
    """Which grants paid for a charge, and that in a sentence."""

    charge: str
    amount: int
    operation: str | None
    at: datetime
    taken: list[Taken]
    sentence: str


class Explanation(Value):
    """A balance explained: grants newest first, the latest charges, and the whole in sentences (L5)."""

    account: str
    balance: Balance
    sentences: list[str]
    grants: list[GrantExplained]
    charges: list[ChargeExplained]


async def entries(
    ctx: Context, who: Who, account: str, *, limit: int = 50, cursor: str | None = None
) -> Page[Entry]:
    """The ledger, newest first (L1); what is due by time is in it."""
    digest = await ctx.directory.account(account, who.test)
    await wallets.standing(ctx, account, digest)
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Invalid.at("/cursor", "It is not a cursor that this list gave.")
    rows = await ctx.db.rows(ENTRIES, [digest, int(cursor) if cursor else None, min(limit, MOST_ENTRIES) + 1])
    found = [_entry(digest, row) for row in rows[:limit]]
    return Page(found, str(found[-1].sequence) if len(rows) > limit else None)


def _entry(digest: UUID, row: Any) -> Entry:
    name, prefix, of = CAUSES[row["cause"]]
    number = row["of"] if of else row["act"]
    return Entry(
        sequence=row["sequence"],
        kind=row["kind"],
        grant=make_id("gr", digest, row["grant"]),
        bucket=row["bucket"],
        amount=row["amount"],
        moved=row["moved"],
        source=row["source"],
        target=row["target"],
        available_after=row["available_after"],
        at=row["at"],
        cause=Cause(name, make_id(prefix, digest, number) if prefix else None),
        actor=row["actor"],
        reason=row["reason"],
    )


async def explain(ctx: Context, who: Who, account: str, *, limit: int = 100) -> Explanation:
    """Why the balance is what it is: for each credit in it the grant and what stands behind that; for each
    charge what paid."""
    digest = await ctx.directory.account(account, who.test)
    now = await wallets.balance(ctx, who, account)
    grants = [
        _grant_explained(digest, row)
        for row in await ctx.db.rows(PLACES, {"account": digest, "limit": limit})
    ]
    acts = await ctx.db.rows(CHARGES, [digest, limit])
    charges = [_charge_explained(account, row["answer"]) for row in acts]
    return Explanation(account, now, _sentences(now), grants, charges)


def _grant_explained(digest: UUID, row: Any) -> GrantExplained:
    plain = shapes.grant("", digest, row, remaining=int(row["available"]))
    places = {name: int(row[name]) for name in ("available", "held", "spent", "expired", "revoked")}
    return GrantExplained(
        grant=plain.id,
        kind=plain.kind,
        amount=plain.amount,
        frozen=int(row["frozen_now"]),
        starts_at=plain.starts_at,
        expires_at=plain.expires_at,
        source=plain.source,
        reason=plain.reason,
        sentence=_grant_sentence(row, places),
        **places,
    )


NAMES = {"monthly": "monthly", "addon": "add-on", "promo": "promotional", "compensation": "compensation"}


def _grant_sentence(row: Any, places: dict[str, int]) -> str:
    source = row["source"]
    origin = {
        "subscription": f"from the {source.get('plan', '')} plan",
        "topup": f"bought as a top-up ({source.get('reference', '')})",
        "reversal": "for work that was given back after its credits had expired",
    }.get(source["type"], f"given by hand: {row['reason']}" if row["reason"] else "given by hand")
    words = {
        "spent": "spent",
        "available": "left",
        "held": "set aside for running work",
        "expired": "expired",
        "revoked": "taken back",
    }
    parts = [f"{places[name]:,} {word}" for name, word in words.items() if places[name]]
    what = f"{row['amount']:,} {NAMES[row['kind']]} credits {origin}"
    return f"{what}, given {row['starts_at']:%-d %B %Y}: {', '.join(parts) or 'none left'}."


def _charge_explained(account: str, raw: Any) -> ChargeExplained:
    made = shapes.charge(account, raw)
    parts = " and ".join(f"{part.amount:,} {NAMES[part.kind]}" for part in made.taken) or "no"
    what = f"{made.operation} × {made.quantity}" if made.operation else "A charge"
    sentence = f"{what} cost {made.amount:,}: {parts} credits."
    return ChargeExplained(made.id, made.amount, made.operation, made.created_at, made.taken, sentence)


def _sentences(now: Balance) -> list[str]:
    monthly, addon = now.buckets.monthly, now.buckets.addon
    said = [f"{now.available:,} credits can be spent now."]
    if monthly.period:
        ends = f"{monthly.period.end:%-d %B %Y, %H:%M} UTC"
        said.append(
            f"{monthly.available:,} of them are monthly, of {monthly.allocation:,} each period; this one "
            f"ends {ends}."
        )
    said.append(
        f"{addon.available:,} are add-on credits, which never expire and are spent after the monthly ones."
    )
    said += [f"{other.available:,} are {NAMES[other.kind]} credits." for other in now.buckets.other]
    if now.held:
        said.append(f"{now.held:,} more are set aside for work that is running.")
    if monthly.frozen:
        said.append(f"{monthly.frozen:,} monthly credits are frozen until the renewal is paid.")
    return said


ABOUT_SUBSCRIPTION = """
    SELECT act, kind, at, actor, reason FROM coinpurse.acts
     WHERE account = %s AND of = %s ORDER BY act DESC LIMIT %s"""


class SubscriptionAct(Value):
    """Something that happened to a subscription, whether or not it moved credits."""

    kind: str
    at: datetime
    actor: str | None
    reason: str | None


async def subscription_acts(
    ctx: Context, who: Who, subscription: str, *, limit: int = 30
) -> list[SubscriptionAct]:
    """What happened to a subscription last, newest first. Raises NotFound."""
    known, ref = await ctx.directory.owner("su", subscription, who.test)
    rows = await ctx.db.rows(ABOUT_SUBSCRIPTION, [known.digest, ref.act, limit])
    same = ("kind", "at", "actor", "reason")
    return [SubscriptionAct(**{name: row[name] for name in same}) for row in rows]
