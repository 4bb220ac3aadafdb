"""What the studio says after a form: a name and a few numbers in a cookie, put into words when the page is
shown. Only numbers come back from the browser, so nothing that a stranger wrote is ever shown."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from coinpurse.web import words

COOKIE = "studio_note"
TONES = {
    "made": "good",
    "paid": "good",
    "moved": "good",
    "recovered": "good",
    "arrived": "good",
    "renewed": "good",
    "found": "good",
    "asked": "good",
    "won": "good",
    "losing": "warn",
    "failed": "warn",
    "short": "warn",
    "held": "warn",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One message. `top_up` offers the way to more credits."""

    tone: str
    text: str
    top_up: bool = False


def leave(response: Response, name: str, *numbers: int) -> Response:
    """Leaves a message for the next page."""
    value = ".".join([name, *map(str, numbers)])
    response.set_cookie(COOKIE, value, max_age=60, httponly=True, samesite="lax")
    return response


def read(request: Request) -> Note | None:
    """The message that the request before left, if any."""
    name, *rest = request.cookies.get(COOKIE, "").split(".")
    numbers = [int(text) for text in rest if text.isdecimal() and len(text) < 17]
    if name not in TEXTS or len(numbers) != TEXTS[name][0]:
        return None
    said = [words.number(number) for number in numbers]
    return Note(TONES.get(name, "calm"), TEXTS[name][1].format(*said), name in ("short", "held"))


#: Name: how many numbers, and the words.
TEXTS = {
    "made": (1, "Done. It cost {0} credits."),
    "failed": (
        1,
        "This one did not work out. The {0} credits that were set aside are back; nothing was charged.",
    ),
    "short": (3, "This needs {0} credits and you have {1}: {2} are missing. Add-on credits never expire."),
    "held": (
        3,
        "This needs {0} credits and you have {1}; {2} more are set aside by running work. Try again in a "
        "moment, or top up.",
    ),
    "empty": (0, "Tell the studio what to paint."),
    "moved": (0, "Time has passed. Nothing was due."),
    "renewed": (3, "A new period has begun: monthly went from {0} to {1}, add-on stayed at {2}."),
    "lapsed": (2, "The period is over: monthly went from {0} to 0, add-on stayed at {1}."),
    "frozen": (
        2,
        "The payment is missing: {0} monthly credits wait for it. Your {1} add-on credits can be spent.",
    ),
    "recovered": (2, "The payment has come. You have {0} monthly and {1} add-on credits."),
    "arrived": (2, "The bank debit has arrived: {0} add-on credits more, {1} in all."),
    "paid": (2, "Paid. You have {0} monthly and {1} add-on credits."),
    "nothing": (0, "There is nothing to do."),
    "losing": (
        0,
        "From now on the provider's webhooks get lost. Go to the renewal date and an hour on: the payment is "
        "made, but nobody hears of it.",
    ),
    "found": (1, "Webhooks arrive again; {0} that were lost have come."),
    "asked": (0, "The provider was asked how the plan stands, and what was missing is made up for."),
    "known": (0, "The provider was asked how the plan stands. Everything was known already."),
    "debit": (
        2,
        "A bank debit for {0} credits is under way. It arrives in {1} days: move the clock and see.",
    ),
    "refunded": (2, "The last top-up was refunded. {0} add-on credits are left."),
    "disputed": (
        2,
        "The last top-up is disputed. {0} add-on credits are left, {1} are frozen until it ends.",
    ),
    "won": (2, "The dispute was won. {0} add-on credits can be spent."),
    "lost": (2, "The dispute was lost. {0} add-on credits are left."),
}
