"""The hosted pages: plain HTML, plain forms. Each page's `act` does what its button says and answers where
to go."""

from collections.abc import Mapping
from html import escape

from coinpurse.simulator import cards, checkouts, control, subscriptions
from coinpurse.simulator.calendar import instant
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --dim: #5b6472; --line: #dfe3ea; --card: #fff;
  --main: #4b3fbf; --ground: #f5f6f9; --on-main: #fff; --note: #fff2dc; --on-note: #6b4300 }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef4; --dim: #a3abba; --line: #343a48;
  --card: #1b1e27; --main: #a9a1ff; --ground: #12141a; --on-main: #14102f; --note: #372b14;
  --on-note: #f3c26a } }
* { box-sizing: border-box }
body { margin: 0; padding: 2.5rem 1rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
main { max-width: 28rem; margin: auto; padding: 1.75rem; border: 1px solid var(--line);
  border-radius: 14px; background: var(--card) }
h1 { margin: .25rem 0 1.25rem; font-size: 1.5rem; line-height: 1.25 }
h2 { margin: 1.75rem 0 .5rem; font-size: 1.1rem }
table { width: 100%; margin-bottom: 1.25rem; border-collapse: collapse }
td { padding: .6rem 0; border-block: 1px solid var(--line); vertical-align: top }
td:last-child { padding-left: 1rem; text-align: right; white-space: nowrap }
form { margin: .6rem 0 }
label { display: block; color: var(--dim); font-size: .9rem }
select, button { width: 100%; padding: .65rem .9rem; border: 1px solid var(--line); border-radius: 9px;
  font: inherit; color: var(--ink); background: var(--card) }
select { margin: .25rem 0 .9rem }
button { cursor: pointer; font-weight: 600 }
button[value=pay], button[value=confirm] { border-color: var(--main); background: var(--main);
  color: var(--on-main) }
button:hover { filter: brightness(.96) }
:focus-visible { outline: 3px solid var(--main); outline-offset: 2px }
a { color: var(--main) }
.note { margin: 0 0 1rem; padding: .6rem .9rem; border-radius: 9px; background: var(--note);
  color: var(--on-note) }
.test { margin: 0; color: var(--dim); font-size: .9rem }
"""


def page(title: str, *parts: str) -> str:
    """A whole page. The parts are HTML."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head>"
        f'<body><main><p class="test">Simulated payment page. No money moves.</p>'
        f"<h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>"
    )


def money(amount: int, currency: str) -> str:
    """An amount for people."""
    return f"{amount // 100}.{amount % 100:02d} {currency.upper()}"


def _button(act: str, label: str, inside: str = "") -> str:
    button = f'<button name="act" value="{escape(act)}">{escape(label)}</button>'
    return f'<form method="post">{inside}{button}</form>'


def _cards() -> str:
    options = "".join(f'<option value="{t}">{escape(text)}</option>' for t, text in cards.CHOICES.items())
    return f'<label>Card <select name="card">{options}</select></label>'


def checkout(w: World, session: Obj, note: str = "") -> str:
    """The checkout's page, as long as it is open."""
    if session["status"] != "open":
        return page("This checkout is closed", f"<p>It is {escape(session['status'])}.</p>")
    rows = "".join(
        f"<tr><td>{line['quantity']} × {escape(line['description'])}</td>"
        f"<td>{money(line['amount_total'], line['currency'])}</td></tr>"
        for line in checkouts.line_items(w, session)["data"]
    )
    total = money(session["amount_total"], session["currency"])
    return page(
        f"Pay {total}" if session["mode"] == "payment" else f"Subscribe for {total}",
        f'<p class="note" role="alert">{escape(note)}</p>' if note else "",
        f"<table>{rows}</table>",
        _button("pay", "Pay", _cards()),
        _button("debit", "Pay by bank debit (arrives later)"),
        _button("fail", "Fail"),
        _button("cancel", "Cancel"),
    )


def act_on_checkout(w: World, session: Obj, form: Mapping[str, str]) -> tuple[str | None, str]:
    """Where to go next (None: stay), and what to say there."""
    act = form.get("act")
    if act == "cancel":
        return session["cancel_url"] or session["success_url"], ""
    if session["status"] == "open":
        token = {
            "debit": "pm_usBankAccount_success",
            "fail": "pm_card_chargeDeclined",
        }.get(act or "", form.get("card", "pm_card_visa"))
        if not checkouts.pay(w, session, token):
            return None, "Your card was declined. Try another one."
    if session["status"] != "complete":
        return None, ""
    url: str = session["success_url"] or ""
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"]) or None, ""


def portal(w: World, visit: Obj) -> str:
    """The customer portal: the card, the subscriptions, what is open."""
    customer = visit["customer"]
    method = cards.default_of(w, customer, next(iter(_alive(w, customer)), None))
    on_file = f"ending in {method[method['type']]['last4']}" if method else "none"
    back = visit["return_url"]
    return page(
        "Your subscriptions",
        "".join(_subscription(w, each) for each in _alive(w, customer)) or "<p>You have none.</p>",
        f"<h2>Payment method</h2><p>On file: {escape(on_file)}.</p>",
        _button("card", "Use this card", _cards()),
        "".join(_open_invoice(each) for each in w.tables.invoices.find(customer=customer)),
        f'<p><a href="{escape(back)}">Back</a></p>' if back else "",
    )


def _alive(w: World, customer: str) -> list[Obj]:
    found = w.tables.subscriptions.find(customer=customer)
    return [s for s in found if s["status"] not in subscriptions.ENDED]


def _subscription(w: World, subscription: Obj) -> str:
    items = subscription["items"]["data"]
    names = ", ".join(subscriptions.described(w, i["price"], i["quantity"]) for i in items)
    ends = subscription["cancel_at"]
    when = instant(ends or subscriptions.period(subscription)[1]).strftime("%d %B %Y")
    hidden = f'<input type="hidden" name="subscription" value="{subscription["id"]}">'
    text = f"Ends on {when}." if ends else f"Renews on {when}."
    button = _button("undo", "Don't cancel", hidden) if ends else _button("cancel", "Cancel", hidden)
    return f"<p>{escape(names)} ({escape(subscription['status'])}). {text}</p>{button}"


def _open_invoice(invoice: Obj) -> str:
    if invoice["status"] != "open":
        return ""
    due = money(invoice["amount_due"], invoice["currency"])
    return f'<p><a href="{escape(invoice["hosted_invoice_url"])}">Pay the open invoice of {due}</a></p>'


def act_on_portal(w: World, visit: Obj, form: Mapping[str, str]) -> None:
    """Does what a button of the portal says."""
    customer = w.tables.customers.get(visit["customer"])
    if form.get("act") == "card":
        control.replace_card(w, customer, form.get("card", "pm_card_visa"))
        return
    subscription = w.tables.subscriptions.get(form.get("subscription", ""))
    if subscription["customer"] == customer["id"]:
        cancel_in_portal(w, subscription, undo=form.get("act") == "undo")


def cancel_in_portal(w: World, subscription: Obj, *, undo: bool) -> None:
    """A cancellation in the portal sets `cancel_at`, or the flag, as the account's terms say."""
    with subscriptions.changing(w, subscription):
        if undo:
            subscriptions.set_end(w, subscription, None)
        elif w.terms.portal_cancels == "cancel_at":
            subscriptions.set_end(w, subscription, subscriptions.period(subscription)[1])
        else:
            subscriptions.set_end(w, subscription, None, with_period=True)


def invoice(w: World, found: Obj, note: str = "") -> str:
    """The page of an invoice, where it can be paid."""
    due = money(found["amount_due"], found["currency"])
    rows = "".join(
        f"<tr><td>{escape(line['description'] or '')}</td>"
        f"<td>{money(line['amount'], line['currency'])}</td></tr>"
        for line in found["lines"]["data"]
    )
    return page(
        f"Invoice {found['number'] or ''}: {due}, {found['status']}",
        f'<p class="note" role="alert">{escape(note)}</p>' if note else "",
        f"<table>{rows}</table>",
        _button("pay", "Pay", _cards()) if found["status"] == "open" else "",
    )


def act_on_invoice(w: World, found: Obj, form: Mapping[str, str]) -> str:
    """Pays an invoice on its page; answers what to say."""
    if found["status"] == "open":
        control.pay_on_page(w, found, form.get("card"))
    return "Paid. Thank you." if found["status"] == "paid" else "That didn't work. Try another card."


def authenticate(w: World, intent: Obj) -> str:
    """The bank's page, where the owner of a card says that it is them."""
    return page(
        f"Confirm {money(intent['amount'], intent['currency'])}",
        f"<p>The payment is {escape(intent['status'])}.</p>",
        _button("confirm", "It is me") if intent["status"] == "requires_action" else "",
    )


def act_on_authentication(w: World, intent: Obj) -> None:
    """The owner of the card confirms."""
    control.authenticate(w, intent)
