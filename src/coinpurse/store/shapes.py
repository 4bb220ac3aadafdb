"""From what the SQL functions answer to the values of the domain."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from coinpurse.domain.credits import (
    AddonBucket,
    Balance,
    Buckets,
    Charge,
    Grant,
    Hold,
    Kind,
    MonthlyBucket,
    OtherBucket,
    PendingChange,
    Period,
    Reversal,
    Subscription,
    SubscriptionChange,
    Taken,
)
from coinpurse.domain.ids import make_id
from coinpurse.domain.values import Value
from coinpurse.store.db import instant

Raw = Mapping[str, Any]
SPENT = "ck"
SUMS = (
    *("monthly", "other", "addon", "held_monthly", "held_other", "held_addon"),
    *("frozen_monthly", "frozen_other", "frozen_addon"),
)
KINDS: dict[str, Kind] = {"m": "monthly", "p": "promo", "c": "compensation", "a": "addon"}
HOLD_ENDS = {"capture": "captured", "release": "released", "timeout": "expired"}


class Terms(Value):
    """What a balance shows besides numbers: one version of it, which never changes."""

    allocation: int
    period: Period | None
    renews_at: datetime | None
    provisional: bool
    renewing: bool
    subscription: Subscription | None
    subscriptions: list[Subscription]


def terms(account: str, digest: UUID, raw: Raw | None) -> Terms:
    """A version of the terms out of its JSON; None stands for an account that never had a subscription."""
    raw = raw or {}
    every = subscriptions(account, digest, raw)
    main = make_id("su", digest, raw.get("subscription") or 0)
    return Terms(
        allocation=raw.get("allocation", 0),
        period=period(raw.get("period")),
        renews_at=instant(raw.get("renews_at")),
        provisional=raw.get("provisional", False),
        renewing=raw.get("renewing", False),
        subscription=next((one for one in every if one.id == main), None),
        subscriptions=every,
    )


def balance(account: str, digest: UUID, raw: Raw) -> Balance:
    """A balance out of the JSON of the numbers after an act and the terms that were in force."""
    shown = terms(account, digest, raw["terms"])
    sums = [raw[name] for name in SUMS]
    return balance_of(account, when(raw["as_of"]), raw["sequence"], sums, raw["others"], shown)


def balance_of(
    account: str, as_of: datetime, sequence: int, sums: Sequence[int], others: Sequence[Raw], shown: Terms
) -> Balance:
    """A balance out of nine sums (in the order of SUMS) and terms."""
    monthly, other, addon, held_monthly, held_other, held_addon, frozen_monthly, _, frozen_addon = sums
    return Balance(
        account,
        as_of,
        sequence,
        monthly + other + addon,
        held_monthly + held_other + held_addon,
        Buckets(
            MonthlyBucket(
                monthly,
                held_monthly,
                frozen_monthly,
                shown.allocation,
                shown.period,
                shown.renews_at,
                shown.provisional,
                shown.renewing,
            ),
            AddonBucket(addon, held_addon, frozen_addon),
            [OtherBucket(**one) for one in others],
        ),
        shown.subscription,
    )


def when(value: str | datetime) -> datetime:
    """An instant that must be there, out of JSON or a column."""
    found = value if isinstance(value, datetime) else instant(value)
    assert found is not None, "an act without an instant"
    return found


def period(raw: Raw | None) -> Period | None:
    """A period out of JSON."""
    return Period(start=when(raw["start"]), end=when(raw["end"])) if raw else None


def subscriptions(account: str, digest: UUID, terms: Raw) -> list[Subscription]:
    """All subscriptions of an account that a version of its terms shows, ended ones too, oldest first."""
    return [subscription(account, digest, raw) for raw in terms.get("subscriptions", [])]


def subscription(account: str, digest: UUID, raw: Raw) -> Subscription:
    """A subscription as a version of the terms shows it."""
    pending = raw["pending_change"]
    return Subscription(
        id=make_id("su", digest, raw["id"]),
        account=account,
        plan=raw["plan"],
        interval=raw["interval"],
        status=raw["status"],
        allocation=raw["allocation"],
        renewal=raw["renewal"],
        provider=raw["provider"],
        anchor=when(raw["anchor"]),
        paid_through=when(raw["paid_through"]),
        current_period=period(raw["current_period"]),
        ends_at=instant(raw["ends_at"]),
        pending_change=PendingChange(**{**pending, "at": instant(pending["at"])}) if pending else None,
        created_at=when(raw["created_at"]),
    )


def taken(digest: UUID, raw: Raw, letters: str) -> list[Taken]:
    """The parts of an act whose entries are of certain letters."""
    parts = zip(raw["moves"], raw["grants"] or [], raw["buckets"] or [], raw["amounts"] or [], strict=True)
    return [
        Taken(make_id("gr", digest, grant), kind, amount)
        for letter, grant, kind, amount in parts
        if letter in letters
    ]


def charge(account: str, raw: Raw, replayed: bool = False) -> Charge:
    """A charge, or the charge in a capture."""
    digest, details = UUID(raw["account"]), raw["details"] or {}
    return Charge(
        id=make_id("ch", digest, raw["act"]),
        account=account,
        amount=raw["amount"],
        operation=raw["operation"],
        quantity=raw["quantity"],
        member=details.get("member"),
        metadata=details.get("metadata"),
        taken=taken(digest, raw, SPENT),
        balance=balance(account, digest, raw["balance"]),
        created_at=when(raw["at"]),
        replayed=replayed,
    )


def hold(account: str, raw: Raw, made: Raw | None = None, replayed: bool = False) -> Hold:
    """A hold as an act left it: the act that made it, or (with `made`) the one that ended it."""
    digest, first = UUID(raw["account"]), made or raw
    details = first["details"] or {}
    return Hold(
        id=make_id("ho", digest, first["act"]),
        account=account,
        amount=first["amount"],
        status=HOLD_ENDS.get(raw["kind"], "held"),  # type: ignore[arg-type]
        expires_at=when(details["expires_at"]),
        taken=taken(digest, first, "h"),
        balance=balance(account, digest, raw["balance"]),
        created_at=when(first["at"]),
        operation=first["operation"],
        quantity=first["quantity"],
        member=details.get("member"),
        metadata=details.get("metadata"),
        charge=charge(account, raw) if raw["kind"] == "capture" else None,
        replayed=replayed,
    )


def reversal(account: str, raw: Raw, replayed: bool = False) -> Reversal:
    """Credits given back."""
    digest = UUID(raw["account"])
    compensated = taken(digest, raw, "g")
    return Reversal(
        id=make_id("re", digest, raw["act"]),
        charge=make_id("ch", digest, raw["of"]),
        account=account,
        amount=raw["amount"],
        returned=taken(digest, raw, "be"),
        lapsed=sum(part.amount for part in taken(digest, raw, "no")),
        compensated=sum(part.amount for part in compensated),
        compensation=compensated[0].grant if compensated else None,
        reason=raw["reason"],
        balance=balance(account, digest, raw["balance"]),
        created_at=when(raw["at"]),
        replayed=replayed,
    )


def grant(account: str, digest: UUID, row: Raw, **more: Any) -> Grant:
    """A grant out of its row (or its JSON), with what else is known of it."""
    return Grant(
        id=make_id("gr", digest, row["grant"]),
        account=account,
        kind=row["kind"],
        amount=row["amount"],
        starts_at=when(row["starts_at"]),
        expires_at=instant(row["expires_at"]) if isinstance(row["expires_at"], str) else row["expires_at"],
        source=source(digest, row["source"]),
        reason=row["reason"],
        **more,
    )


def source(digest: UUID, raw: Raw) -> dict[str, Any]:
    """Where a grant came from, with identifiers for the things that it names."""
    source = dict(raw)
    if "subscription" in source:
        source["subscription"] = make_id("su", digest, source["subscription"])
    if "act" in source:
        source["charge"] = make_id("ch", digest, source.pop("act"))
    return source


def subscription_change(account: str, raw: Raw, replayed: bool = False) -> SubscriptionChange:
    """The subscription that an act was about, as it stood after it."""
    digest = UUID(raw["account"])
    shown = next(one for one in raw["balance"]["terms"]["subscriptions"] if one["id"] == raw["of"])
    return SubscriptionChange(
        subscription(account, digest, shown), balance(account, digest, raw["balance"]), replayed
    )
