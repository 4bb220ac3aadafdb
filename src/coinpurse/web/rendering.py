"""Templates, and the few words that every page needs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from coinpurse.web import language, pill, words
from coinpurse.web.assets import Assets
from coinpurse.web.language import current, gettext, later

HERE = Path(__file__).parent
ASSETS = Assets(HERE / "static", "/static")
NOTE = "coinpurse_note"
#: What a page says once after something was done. The cookie carries the name only.
NOTES = {
    "cancelled": later("Your plan is cancelled. You can undo this until it runs out."),
    "ended": later("Your plan has ended."),
    "resumed": later("Your plan goes on as before."),
    "paused": later("Your plan is paused."),
    "changed": later("Your plan is changed."),
    "unpaid": later("The payment for the change is not through yet. Until it is, your plan stays as it is."),
    "waiting": later("The change is noted. It takes effect at your next renewal."),
    "kept": later("The change is dropped. Your plan stays as it is."),
}


def _for_each_reader(said: Callable[..., Any]) -> Callable[..., Any]:
    """Without asking for the context, `"monthly" | bucket` would be worked out once, when the template is
    compiled, and stay in the language of whoever came first."""

    @pass_context
    def asked(_context: Any, *arguments: Any, **named: Any) -> Any:
        return said(*arguments, **named)

    return asked


def environment(*folders: Path) -> Environment:
    """Templates with escaping always on and typing errors never silent; other apps may add their folders in
    front."""
    made = Environment(
        loader=FileSystemLoader([*folders, HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
    names = (
        "number",
        "credits",
        "compact",
        "percent",
        "day",
        "short_day",
        "moment",
        "clock",
        "machine",
        "money",
        "per_credit",
        "every",
        "bucket",
        "amount_of_money",
    )
    made.filters.update({name: _for_each_reader(getattr(words, name)) for name in names})
    made.globals["asset"] = ASSETS.url
    made.globals["plan_name"] = words.plan_name
    made.globals["pack_name"] = words.pack_name
    made.globals["language"] = current
    made.globals["languages"] = language.OFFERED
    made.globals["pill_words"] = pill.words
    return made


TEMPLATES = environment()


def render(
    request: Request, template: str, status: int = 200, *, note: str | None = None, **context: Any
) -> Response:
    """A page, with a note of its own or the one that was left by the request before, which is said once."""
    note = note or gettext(NOTES.get(request.cookies.get(NOTE, ""), ""))
    page = TEMPLATES.get_template(template)
    response = HTMLResponse(page.render(brand=request.app.state.brand, note=note, **context), status)
    if NOTE in request.cookies:
        response.delete_cookie(NOTE, path="/")
    if (chosen := request.query_params.get("lang", "")) and language.known(chosen):
        _keep(response, request, language.COOKIE, chosen, 31_536_000)
    return response


def _keep(response: Response, request: Request, name: str, value: str, seconds: int) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure)


def go(request: Request, where: str, note: str | None = None) -> Response:
    """Leads on after a form (303). Leaving the site goes by `Refresh`, since a form may lead to our own
    pages only."""
    if (where.startswith("/") and not where.startswith(("//", "/\\"))) or where.startswith(
        str(request.base_url)
    ):
        response: Response = RedirectResponse(where, 303)
    else:
        response = render(request, "leaving.html", where=where)
        response.headers["Refresh"] = f"0; url={where}"
    if note:
        _keep(response, request, NOTE, note, 60)
    return response
