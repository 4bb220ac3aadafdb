"""What customers do: a call that makes sense for an account as it stands, now and then one that doesn't."""

from coinpurse.ordeal.account import Account, Call
from coinpurse.ordeal.life import PLANS, Life
from coinpurse.ordeal.purse import Purse

PLENTY = 5_000_000
LONG = 604_800
DAY = 86_400
STEPS = (1, 599, 600, DAY, 3 * DAY, 11 * DAY, 28 * DAY, 31 * DAY, 45 * DAY)
POLICIES = ("difference", "prorated", "restart", "at_renewal")


def amount_for(account: Account) -> int:
    """What some work costs: mostly little, now and then nothing, all there is, or more."""
    dice, available = account.random.random(), account.truth.available
    if dice < 0.98:
        return min(available, account.random.randint(1, 40 if isinstance(account.truth, Purse) else 4))
    if dice < 0.99:
        return 0
    if (
        dice < 0.997 or account.pending
    ):  # whether a refusal was right couldn't be told while a top-up is pending
        return min(available, account.random.randint(1, 4000))
    return available + account.random.choice([0, 1, 100_000])


def act_of(account: Account) -> Call:
    """Anything but a plain charge."""
    truth = account.truth
    if isinstance(truth, Life):
        return _living(account, truth)
    return _spending(account, truth)


def _spending(account: Account, truth: Purse) -> Call:
    pick, chance = account.random.choice, account.random.random()
    if truth.available < 20_000 and chance < 0.5:
        return ("grant", "addon", PLENTY)
    open_holds = [name for name, hold in truth.holds.items() if hold.state == "held"]
    if chance < 0.30 and len(open_holds) < 8:
        return ("hold", max(1, amount_for(account)), LONG)
    if chance < 0.55 and truth.holds:
        return _capture(account, pick(open_holds or list(truth.holds)), truth)
    if chance < 0.65 and truth.holds:
        return ("release", pick(list(truth.holds)))
    if chance < 0.85 and truth.charges:
        return ("reverse", pick(list(truth.charges)), pick([None, None, 1, 5, 100_000]))
    if chance < 0.90 and len(truth.pots) < 10:
        return ("grant", pick(["promo", "compensation", "addon"]), account.random.randint(1, 5000))
    if chance < 0.93 and truth.pots and not account.pending:
        pot = pick(truth.pots)
        return ("revoke", f"gr_{account.digest}_{pot.number}", pick([None, 1, 50]))
    return ("balance",)


def _capture(account: Account, hold: str, truth: Purse) -> Call:
    held = truth.holds[hold].amount
    amount = account.random.choice([None, held, held // 2, 0, held + 7])
    return ("capture", hold, amount, account.random.random() < 0.3)


def _living(account: Account, life: Life) -> Call:
    pick, chance = account.random.choice, account.random.random()
    state = life.model.state
    running = [n for n, sub in state.subscriptions.items() if not sub.ended]
    if chance < 0.25:
        return ("clock", pick(STEPS))
    if (not running or (len(running) == 1 and chance > 0.97)) and chance > 0.3:
        return ("subscribe", pick(list(PLANS)), pick(["month", "month", "year"]), pick([0, 0, 0, 14]))
    if chance < 0.60 and state.subscriptions:
        return _managing(account, f"su_{pick(list(state.subscriptions))}")
    if chance < 0.70:
        return ("hold", account.random.randint(1, 300), pick([1, 3600, LONG]))
    if chance < 0.78 and state.holds:
        hold = pick(list(state.holds))
        amount = pick([None, None, 0, 5, state.holds[hold].amount + 3])
        return ("capture", f"ho_{hold}", amount, account.random.random() < 0.4)
    if chance < 0.82 and state.holds:
        return ("release", f"ho_{pick(list(state.holds))}")
    if chance < 0.90 and state.charges:
        return ("reverse", f"ch_{pick(list(state.charges))}", pick([None, 1, 30]))
    if chance < 0.94:
        kind = pick(["promo", "compensation", "addon"])
        return (
            "grant",
            kind,
            account.random.randint(1, 500),
            None if kind == "addon" else pick([3, 40, None]),
        )
    if chance < 0.96 and state.grants:
        return ("revoke", f"gr_{pick(list(state.grants))}", pick([None, 1]))
    return ("balance",)


def _managing(account: Account, subscription: str) -> Call:
    pick, chance = account.random.choice, account.random.random()
    if chance < 0.5:
        return ("pay", subscription, pick([1, 1, 1, 2]))
    if chance < 0.6:
        return ("cancel", subscription, pick(["period_end", "period_end", "now"]))
    if chance < 0.75:
        return ("resume", subscription)
    if chance < 0.85:
        return ("pause", subscription)
    return ("change", subscription, pick(list(PLANS)), pick(["month", "year"]), pick(POLICIES))
