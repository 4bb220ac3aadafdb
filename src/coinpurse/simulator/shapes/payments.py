"""Money that moves: payment intents, charges, refunds, disputes."""

from typing import Any

from coinpurse.simulator.shapes.parts import Obj, billing_details, nulls


def payment_intent(id: str, created: int, amount: int, currency: str, livemode: bool, **known: Any) -> Obj:
    """A payment that is wanted."""
    return {
        "id": id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic",
        "client_secret": f"{id}_secret_simulated",
        "confirmation_method": "automatic",
        "created": created,
        "currency": currency,
        "livemode": livemode,
        "metadata": {},
        "payment_method_options": {},
        "payment_method_types": ["card", "us_bank_account"],
        "status": "requires_payment_method",
        **nulls("application application_fee_amount automatic_payment_methods canceled_at"),
        **nulls("cancellation_reason customer customer_account description excluded_payment_method_types"),
        **nulls("last_payment_error latest_charge next_action on_behalf_of payment_method"),
        **nulls("payment_method_configuration_details processing receipt_email review setup_future_usage"),
        **nulls("shipping source statement_descriptor statement_descriptor_suffix transfer_data"),
        **nulls("transfer_group"),
        **known,
    }


def _paid_with(method: Obj, amount: int) -> Obj:
    """What a charge tells of the card or account that paid it."""
    kind = method["type"]
    if kind != "card":
        kept = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
        return {"type": kind, kind: {k: method[kind][k] for k in kept}}
    card = method["card"]
    shown = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    return {
        "type": "card",
        "card": {
            "amount_authorized": amount,
            **{k: card[k] for k in shown},
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "multicapture": {"status": "unavailable"},
            "network": card["brand"],
            "network_token": {"used": False},
            "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
            "regulated_status": "unregulated",
            **nulls("authorization_code installments mandate network_transaction_id three_d_secure"),
            **nulls("transaction_link_id wallet"),
        },
    }


def charge(id: str, created: int, intent: Obj, method: Obj, customer: Obj | None, **known: Any) -> Obj:
    """One attempt to move money. Begins `pending`."""
    amount = intent["amount"]
    return {
        "id": id,
        "object": "charge",
        "amount": amount,
        "amount_captured": 0,
        "amount_refunded": 0,
        "billing_details": billing_details(customer),
        "calculated_statement_descriptor": "SIMULATED",
        "captured": False,
        "created": created,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": intent["livemode"],
        "metadata": dict(intent["metadata"]),
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _paid_with(method, amount),
        "receipt_url": f"https://pay.stripe.com/receipts/{id}",
        "refunded": False,
        "status": "pending",
        **nulls("application application_fee application_fee_amount balance_transaction failure_code"),
        **nulls("failure_balance_transaction failure_message on_behalf_of receipt_email receipt_number"),
        **nulls("review shipping source source_transfer statement_descriptor statement_descriptor_suffix"),
        **nulls("transfer_data transfer_group"),
        **known,
    }


def outcome(kind: str, network: str, message: str, reason: str | None = None) -> Obj:
    """How the networks answered."""
    return {
        **nulls("advice_code network_advice_code network_decline_code"),
        "network_status": network,
        "reason": reason,
        "risk_level": "normal",
        "seller_message": message,
        "type": kind,
    }


def refund(id: str, created: int, charge: Obj, amount: int, **known: Any) -> Obj:
    """Money that goes back."""
    kind = charge["payment_method_details"]["type"]
    return {
        "id": id,
        "object": "refund",
        "amount": amount,
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "destination_details": {"type": kind, kind: {"type": "refund"} if kind == "card" else {}},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "status": "succeeded",
        **nulls("balance_transaction customer_account reason receipt_number source_transfer_reversal"),
        **nulls("transfer_reversal"),
        **known,
    }


_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure "
    "cancellation_rebuttal customer_communication customer_email_address customer_name customer_purchase_ip "
    "customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id "
    "product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation "
    "service_date service_documentation shipping_address shipping_carrier shipping_date "
    "shipping_documentation shipping_tracking_number uncategorized_file uncategorized_text"
)


def dispute(id: str, created: int, charge: Obj, amount: int, reason: str, status: str) -> Obj:
    """Money that a bank wants back, or asks about (`warning_…`)."""
    return {
        "id": id,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**nulls(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": created + 14 * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": status.startswith("warning"),
        "livemode": charge["livemode"],
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": "visa",
                "case_type": "inquiry" if status.startswith("warning") else "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
        },
        "reason": reason,
        "status": status,
    }
