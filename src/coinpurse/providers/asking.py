"""Asking a provider's API over HTTP, and saying kindly what went wrong."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from coinpurse.domain.ports import NotOurs, NotYet, ProviderError
from coinpurse.providers.reading import Reader, Unreadable, parse

TIMEOUT = httpx.Timeout(20, connect=5)
#: Also 409 and 423: somebody else is changing the same thing just now.
_PASSING = {408, 409, 423, 425, 429}


def path(*parts: str) -> str:
    """A path whose parts can't break out of it, whatever is in them."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


class Api:
    """One provider's API. Every failure is a ProviderError that says whether it passes."""

    def __init__(self, name: str, base: str, key: str | None, **headers: str) -> None:
        self.name, self._key = name, key
        headers = (
            {"Authorization": f"Bearer {key}", "Accept": "application/json", **headers} if key else headers
        )
        self._http = httpx.AsyncClient(base_url=base.rstrip("/"), headers=headers, timeout=TIMEOUT)

    async def get(self, where: str, params: Mapping[str, Any] | None = None) -> Reader:
        """Reads."""
        return await self._call("GET", where, params=params)

    async def post(self, where: str, content: Mapping[str, Any]) -> Reader:
        """Creates or acts."""
        return await self._call("POST", where, json=content)

    async def patch(self, where: str, content: Mapping[str, Any]) -> Reader:
        """Changes."""
        return await self._call("PATCH", where, json=content)

    async def delete(self, where: str) -> Reader:
        """Ends."""
        return await self._call("DELETE", where)

    async def close(self) -> None:
        """Lets go of connections."""
        await self._http.aclose()

    @contextmanager
    def answered(self) -> Iterator[None]:
        """Turns an answer that can't be read, or that says nothing to us, into a ProviderError."""
        try:
            yield
        except Unreadable as error:
            raise ProviderError(f"{self.name}'s answer can't be read: {error}.", passing=False) from None
        except (NotOurs, NotYet) as error:
            raise ProviderError(str(error), passing=False) from None

    async def _call(self, method: str, where: str, **content: Any) -> Reader:
        if not self._key:
            variable = f"COINPURSE_{self.name.upper()}_API_KEY"
            raise ProviderError(
                f"{self.name} can't be asked without an API key. Set {variable}.",
                code="no_key",
                passing=False,
            )
        try:
            answer = await self._http.request(method, where, **content)
        except httpx.HTTPError as error:
            raise ProviderError(
                f"{self.name} can't be reached ({error or type(error).__name__}). Try later."
            ) from error
        if answer.is_success:
            return self._read(answer)
        raise self._failure(answer)

    def _read(self, answer: httpx.Response) -> Reader:
        try:
            return parse(answer.content)
        except Unreadable as error:
            raise ProviderError(f"{self.name}'s answer can't be read: {error}. Try later.") from None

    def _failure(self, answer: httpx.Response) -> ProviderError:
        code, detail = _words(answer)
        status = answer.status_code
        if status in _PASSING or status >= 500:
            text = f"{self.name} is not able to do that now ({status}: {detail}). Try later."
            return ProviderError(text, code=code)
        advice = ""
        if status in {401, 403}:
            advice = f" Check COINPURSE_{self.name.upper()}_API_KEY and what it may do."
        return ProviderError(
            f"{self.name} refused: {detail}.{advice}", code=code or str(status), passing=False
        )


def _words(answer: httpx.Response) -> tuple[str | None, str]:
    """The provider's own code and words: `{error: {code, detail}}`, or `{error, detail}`."""
    try:
        body = parse(answer.content)
    except Unreadable:
        return None, f"status {answer.status_code}"
    inner = body.data.get("error")
    source = inner if isinstance(inner, dict) else {"code": inner, "detail": body.data.get("detail")}
    code, detail = source.get("code"), source.get("detail")
    if isinstance(detail, list):
        detail = "; ".join(str(one.get("msg", one)) if isinstance(one, dict) else str(one) for one in detail)
    return code if isinstance(code, str) else None, str(detail or code or answer.status_code).rstrip(".")
