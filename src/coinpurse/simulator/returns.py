"""Money that goes back: refunds and disputes."""

from coinpurse.simulator.errors import invalid
from coinpurse.simulator.shapes import payments as shapes
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

OPEN = ("warning_needs_response", "warning_under_review", "needs_response", "under_review")


def refund(
    w: World,
    charge: Obj,
    amount: int | None = None,
    reason: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Obj:
    """Gives back a part or all that is left of a charge, at once."""
    left = charge["amount"] - charge["amount_refunded"]
    if not charge["paid"]:
        raise invalid("This charge has not succeeded and cannot be refunded.", code="charge_not_refundable")
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = left if amount is None else amount
    if amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", "amount"
        )
    made = shapes.refund(w.ids.new("re"), w.now, charge, amount, reason=reason, metadata=metadata or {})
    w.tables.refunds.add(made, charge=charge["id"], payment_intent=charge["payment_intent"])
    _count(w, charge)
    w.emit("refund.created", made)
    w.emit("charge.refunded", charge)
    w.emit("refund.updated", made)
    w.emit("charge.refund.updated", made)
    _tell(w, "refund", made, charge)
    return made


def fail_refund(w: World, made: Obj, reason: str = "lost_or_stolen_card") -> None:
    """A refund that the bank sends back, perhaps weeks later: the charge counts as less refunded again."""
    if made["status"] == "failed":
        raise invalid("This refund has failed already.")
    charge = w.tables.charges.get(made["charge"])
    made.update(status="failed", failure_reason=reason)
    w.emit("refund.failed", made)
    w.emit("refund.updated", made)
    w.emit("charge.refund.updated", made)
    with w.altering(charge, "charge.updated"):
        _count(w, charge)
    _tell(w, "refund_failed", made, charge)


def _count(w: World, charge: Obj) -> None:
    """`amount_refunded` is cumulative, of the refunds that haven't failed."""
    refunds = w.tables.refunds.find(charge=charge["id"])
    charge["amount_refunded"] = sum(r["amount"] for r in refunds if r["status"] == "succeeded")
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]


def open_dispute(
    w: World, charge: Obj, amount: int | None = None, reason: str = "fraudulent", *, inquiry: bool = False
) -> Obj:
    """A bank wants money back, or (an inquiry) only asks; an inquiry moves nothing."""
    amount = charge["amount"] - charge["amount_refunded"] if amount is None else amount
    status = "warning_needs_response" if inquiry else "needs_response"
    dispute = shapes.dispute(w.ids.new("dp"), w.now, charge, amount, reason, status)
    w.tables.disputes.add(dispute, charge=charge["id"], payment_intent=charge["payment_intent"])
    with w.altering(charge, "charge.updated"):
        charge["disputed"] = True
    w.emit("charge.dispute.created", dispute)
    if not inquiry:
        _withdraw(w, dispute)
    _tell(w, "inquiry" if inquiry else "dispute_opened", dispute, charge)
    return dispute


def _withdraw(w: World, dispute: Obj) -> None:
    _move(w, dispute, -dispute["amount"])
    w.emit("charge.dispute.funds_withdrawn", dispute)


def _move(w: World, dispute: Obj, amount: int) -> None:
    """A movement on the account's balance because of a dispute."""
    dispute["balance_transactions"].append(
        {
            "id": w.ids.new("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "created": w.now,
            "currency": dispute["currency"],
            "fee": 0,
            "net": amount,
            "source": dispute["id"],
            "type": "adjustment",
        }
    )


def escalate(w: World, dispute: Obj) -> None:
    """An inquiry becomes a dispute: now the money goes."""
    if not dispute["status"].startswith("warning"):
        raise invalid("This dispute is no inquiry.")
    with w.altering(dispute, "charge.dispute.updated"):
        dispute["status"] = "needs_response"
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
        dispute["is_charge_refundable"] = False
    _withdraw(w, dispute)
    _tell(w, "dispute_opened", dispute, w.tables.charges.get(dispute["charge"]))


def close_dispute(w: World, dispute: Obj, *, won: bool) -> None:
    """The bank decides. An inquiry just ends."""
    if dispute["status"] not in OPEN:
        raise invalid("This dispute is closed already.")
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if inquiry else "won" if won else "lost"
    if won and not inquiry:
        _move(w, dispute, dispute["amount"])
        w.emit("charge.dispute.funds_reinstated", dispute)
    w.emit("charge.dispute.closed", dispute)
    kind = "inquiry_closed" if inquiry else "dispute_won" if won else "dispute_lost"
    _tell(w, kind, dispute, w.tables.charges.get(dispute["charge"]))


def _tell(w: World, kind: str, obj: Obj, charge: Obj) -> None:
    w.tell(
        kind,
        obj["id"],
        charge["customer"],
        amount=obj["amount"],
        currency=obj["currency"],
        detail={
            "charge": charge["id"],
            "payment_intent": charge["payment_intent"],
            "of": charge["amount"],
            "amount_refunded": charge["amount_refunded"],
        },
    )
