"""A small OpenID Connect issuer, to be run as a process of its own: it signs real tokens with a real key,
checks the client's secret and PKCE, and can be told (by /control) who is there and which lie to tell."""

import base64
import hashlib
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "coinpurse", "issuer-secret"
KEY = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"}, private=True)
OTHER = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"}, private=True)
STATE: dict[str, Any] = {"person": {}, "lie": ""}
CODES: dict[str, dict[str, str]] = {}


def id_token(issuer: str, asked: dict[str, str]) -> str:
    """The token for somebody who has signed in, with the lie that is to be told."""
    now, lie = int(time.time()), STATE["lie"]
    claims = {
        "iss": "https://other.test" if lie == "iss" else issuer,
        "aud": "somebody-else" if lie == "aud" else CLIENT,
        "sub": "u-1",
        "iat": now - 7200 if lie == "exp" else now,
        "exp": now - 3600 if lie == "exp" else now + 300,
        "nonce": "another" if lie == "nonce" else asked["nonce"],
        **STATE["person"],
    }
    if lie == "azp":
        claims |= {"aud": "somebody-else", "azp": CLIENT}
    if lie == "none":
        return b".".join(_b64(json.dumps(part)) for part in ({"alg": "none"}, claims)).decode() + "."
    if lie == "hmac":
        public = OctKey.import_key(KEY.as_pem(private=False))
        return jwt.encode({"alg": "HS256", "kid": "one"}, claims, public, algorithms=["HS256"])
    key = OTHER if lie == "key" else KEY
    token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key, algorithms=["RS256"])
    if lie == "changed":
        head, body, signature = token.split(".")
        other = json.loads(base64.urlsafe_b64decode(body + "==")) | {"email": "admin@staff.test"}
        return ".".join((head, _b64(json.dumps(other)).decode(), signature))
    return token


def _b64(text: str) -> bytes:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=")


class Issuer(BaseHTTPRequestHandler):
    """Discovery, keys, the sign-in page (which asks nothing), and tokens."""

    @property
    def here(self) -> str:
        """The issuer's name."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"  # type: ignore[index]

    def do_GET(self) -> None:
        """Discovery, keys, and the page to which browsers are sent."""
        path, query = urlsplit(self.path).path, dict(pairs(urlsplit(self.path).query))
        if path == "/.well-known/openid-configuration":
            self.answer(self.discovery())
        elif path == "/jwks":
            self.answer({"keys": [KEY.as_dict(private=False)]})
        elif path == "/authorize":
            code = secrets.token_urlsafe(8)
            CODES[code] = query
            back = {"code": code, "state": query["state"], "iss": self.here}
            if STATE["lie"] == "denied":
                back = {"error": "access_denied", "state": query["state"]}
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{urlencode(back)}")
            self.end_headers()
        else:
            self.answer({}, 404)

    def discovery(self) -> dict[str, Any]:
        """What the issuer says of itself."""
        return {
            "issuer": "https://evil.test" if STATE["lie"] == "issuer" else self.here,
            "authorization_endpoint": f"{self.here}/authorize",
            "token_endpoint": f"{self.here}/token",
            "jwks_uri": f"{self.here}/jwks",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }

    def do_POST(self) -> None:
        """Tokens for codes; or what a test says."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path == "/control":
            STATE.update(json.loads(body))
            return self.answer({})
        given = dict(pairs(body))
        asked = CODES.pop(given.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        verifier = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if self.headers.get("Authorization") != f"Basic {basic}":
            return self.answer({"error": "invalid_client"}, 401)
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != given["redirect_uri"]
        ):
            return self.answer({"error": "invalid_grant"}, 400)
        self.answer({"access_token": "a", "token_type": "Bearer", "id_token": id_token(self.here, asked)})

    def answer(self, content: dict[str, Any], status: int = 200) -> None:
        """Answers in JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def pairs(query: str) -> list[tuple[str, str]]:
    """The fields of a query, each once."""
    return [(name, values[0]) for name, values in parse_qs(query).items()]


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    print(server.server_address[1], flush=True)
    server.serve_forever()
