"""For whoever looks for a fault: the journal and the books of one account, side by side."""

from typing import Any

from lives.auditor import RENEWALS
from lives.reckoning import instant
from lives.town import Town

ACTS = """
    SELECT a.* FROM coinpurse.acts a JOIN coinpurse.accounts USING (account)
     WHERE id = %s AND kind NOT IN ('charge', 'reverse') ORDER BY act"""


async def tell(town: Town, account: str) -> None:
    """Prints what happened there and here, in order, and what became of each period."""
    customer = town.customers[account].buyer.customer
    lines: list[tuple[Any, ...]] = [
        (instant(t.at), "there", t.kind, t.id, t.amount, t.detail)
        for t in town.simulator.journal()
        if t.customer == customer
    ]
    for row in await town.ctx.db.rows(ACTS, [account]):
        what = (row["moves"], row["amounts"], row["actor"], row["reason"])
        lines.append((row["at"], "here", row["kind"], row["of"], row["amount"], what))
    for line in sorted(lines, key=lambda each: each[0]):
        print(*line)
    for row in await town.ctx.db.rows(RENEWALS, [account]):
        print({name: str(value) for name, value in row.items() if name != "account"})
