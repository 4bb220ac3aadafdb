"""What the account looks like from outside: the state as answers."""

from datetime import datetime

from coinpurse.domain.credits import (
    AddonBucket,
    Balance,
    Buckets,
    Cause,
    Charge,
    Entry,
    Grant,
    Hold,
    Kind,
    MonthlyBucket,
    OtherBucket,
    PendingChange,
    Renewal,
    Reversal,
    Subscription,
    Taken,
)
from coinpurse.domain.model.state import (
    MOVEMENTS,
    Act,
    ChargeState,
    GrantState,
    HoldState,
    Line,
    Parts,
    Place,
    Returned,
    Slice,
    State,
    SubscriptionState,
)

SHOWN: tuple[Place, ...] = ("available", "held", "frozen")
OTHER: tuple[Kind, ...] = ("promo", "compensation")
#: What an entry names as its cause, by the kind of its act; with a prefix where the act made that itself.
CAUSES: dict[str, tuple[str, str | None]] = {
    "charge": ("charge", "ch"),
    "capture": ("charge", "ch"),
    "hold": ("hold", "ho"),
    "release": ("hold", None),
    "timeout": ("hold", None),
    "reverse": ("reversal", "re"),
    "grant": ("grant", "gr"),
    "topup": ("topup", "gr"),
    "revoke": ("revocation", None),
    "expire": ("expiry", None),
    "trial": ("trial", None),
    "renew": ("renewal", None),
    "fail": ("payment_failure", None),
    "pay": ("payment", None),
    "resume": ("resumption", None),
    "change": ("plan_change", None),
    "end": ("cancellation", None),
    "reclaim": ("refund", None),
    "repay": ("repayment", None),
}


def balance(state: State, as_of: datetime) -> Balance:
    """The balance as the account stands."""
    alive = [s for s in state.subscriptions.values() if not s.ended]
    addon = AddonBucket(*(state.total(place, "addon") for place in SHOWN))
    others = [OtherBucket(kind, state.total("available", kind), state.total("held", kind)) for kind in OTHER]
    return Balance(
        account=state.account,
        as_of=as_of,
        sequence=state.sequence,
        available=state.total("available"),
        held=state.total("held"),
        buckets=Buckets(monthly(state, alive), addon, [o for o in others if o.available or o.held]),
        subscription=subscription_view(state, alive[0]) if alive else None,
    )


def monthly(state: State, alive: list[SubscriptionState]) -> MonthlyBucket:
    """The bucket that subscriptions fill. Period and renewal are those of the period that ends first."""
    running = [(s.running.period.end, s.number, s, s.running) for s in alive if s.running]
    first = min(running)[2:] if running else None
    return MonthlyBucket(
        available=state.total("available", "monthly"),
        held=state.total("held", "monthly"),
        frozen=state.total("frozen", "monthly"),
        allocation=sum(s.terms.on_trial if r.number < 0 else s.terms.allocation for *_, s, r in running),
        period=first[1].period if first else None,
        renews_at=renews_at(*first) if first else None,
        provisional=any(g.provisional and not g.frozen for g in state.grants.values()),
        renewing=any(s.waiting and not r.given for *_, s, r in running),
    )


def renews_at(subscription: SubscriptionState, running: Slice) -> datetime | None:
    """When new monthly credits come; None if they don't."""
    end = running.period.end
    if subscription.paused or (subscription.ends_at is not None and subscription.ends_at <= end):
        return None
    return end


def subscription_view(state: State, subscription: SubscriptionState) -> Subscription:
    """A subscription as it stands."""
    terms = subscription.terms
    pending = None
    if subscription.pending:
        n, new = subscription.pending
        pending = PendingChange(new.plan, new.interval, new.allocation, subscription.start(n))
    return Subscription(
        id=f"su_{subscription.number}",
        account=state.account,
        plan=terms.plan,
        interval=terms.interval,
        status=subscription.status,
        allocation=terms.allocation,
        renewal=terms.policy,
        provider=subscription.provider,
        anchor=subscription.anchor,
        paid_through=subscription.paid_through,
        current_period=subscription.running.period if subscription.running else None,
        ends_at=subscription.ends_at,
        pending_change=pending,
        created_at=subscription.created_at,
    )


def grant_view(state: State, grant: GrantState, shown: Balance | None, revoked: int = 0) -> Grant:
    """A grant as it stands, with the balance to show beside it, and how much an act has just taken back."""
    return Grant(
        id=f"gr_{grant.number}",
        account=state.account,
        kind=grant.kind,
        amount=grant.amount,
        remaining=grant.available,
        starts_at=grant.starts_at,
        expires_at=grant.expires_at,
        source=grant.source,
        reason=grant.reason,
        revoked=revoked,
        balance=shown,
    )


def taken(parts: Parts) -> list[Taken]:
    """The parts of a charge or hold, in the order in which they were taken."""
    return [Taken(f"gr_{grant.number}", grant.kind, part) for grant, part in parts]


def renewal_views(state: State) -> list[Renewal]:
    """One line per subscription and period; a trial is not a renewal."""
    return [
        Renewal(
            account=state.account,
            subscription=f"su_{sub.number}",
            plan=piece.plan,
            period=piece.period,
            state=piece.state,
            policy=piece.policy,
            unpaid=piece.unpaid,
            changed_at=piece.changed_at,
        )
        for sub in state.subscriptions.values()
        for piece in sub.slices
        if piece.number >= 0
    ]


def charge_view(state: State, made: ChargeState, shown: Balance) -> Charge:
    """A charge as it was made, with the balance to show beside it."""
    return Charge(
        id=f"ch_{made.number}",
        account=state.account,
        amount=made.amount,
        operation=None,
        quantity=None,
        member=None,
        metadata=None,
        taken=taken(made.parts),
        balance=shown,
        created_at=state.acts[made.number - 1].at,
    )


def hold_view(state: State, hold: HoldState, shown: Balance) -> Hold:
    """A hold as it stands, with the balance to show beside it."""
    return Hold(
        id=f"ho_{hold.number}",
        account=state.account,
        amount=hold.amount,
        status=hold.status,
        expires_at=hold.expires_at,
        taken=taken(hold.parts),
        balance=shown,
        created_at=hold.created_at,
    )


def reversal_view(state: State, charged: ChargeState, done: Returned, shown: Balance) -> Reversal:
    """What a reversal gave back, and what could not go back."""
    return Reversal(
        id=f"re_{done.number}",
        charge=f"ch_{charged.number}",
        account=state.account,
        amount=sum(part for _, part in done.parts) + done.lapsed,
        returned=taken(done.parts),
        lapsed=done.lapsed,
        compensated=done.grant.amount if done.grant else 0,
        compensation=f"gr_{done.grant.number}" if done.grant else None,
        reason=done.reason,
        balance=shown,
        created_at=state.acts[done.number - 1].at,
    )


def entry_view(act: Act, line: Line) -> Entry:
    """A line of the ledger (L1)."""
    movement = MOVEMENTS[line.code]
    return Entry(
        sequence=line.sequence,
        kind=movement.kind,
        grant=f"gr_{line.grant.number}",
        bucket=line.grant.kind,
        amount=line.amount,
        moved=line.moved,
        source=movement.source,
        target=movement.target,
        available_after=line.available_after,
        at=act.at,
        cause=_cause(act),
        actor=act.actor,
        reason=act.reason,
    )


def _cause(act: Act) -> Cause:
    """Why an act moved credits: what it made, or what it was about."""
    name, prefix = CAUSES[act.kind]
    return Cause(name, f"{prefix}_{act.number}" if prefix else act.subject)
