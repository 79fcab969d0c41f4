"""Access to the administration API: passwords in three classes (James's `Password` header or a bearer token)."""

import hmac
import math
import secrets
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from compostela.web.webadmin.error_handlers import error_response
from compostela.web.webadmin.settings import WebAdminSettings
from compostela.web.webadmin.wrong_secrets import WrongSecrets

PUBLIC_PREFIXES = ("/healthcheck",)
PUBLIC_PATHS = frozenset({"/metrics", "/add-revoked-token"})
_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Passwords:
    """The passwords in force. Without any, the API needs none."""

    full: tuple[str, ...] = ()
    readonly: tuple[str, ...] = ()
    nodelete: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        return bool(self.full or self.readonly or self.nodelete)

    def allows(self, secret: str, method: str) -> bool | None:
        """Whether the secret may use the method; None for a secret that is not known. Full wins over nodelete, nodelete
        over readonly."""
        if _is_one_of(secret, self.full):
            return True
        if _is_one_of(secret, self.nodelete):
            return method != "DELETE"
        if _is_one_of(secret, self.readonly):
            return method in _READING
        return None


def _is_one_of(secret: str, known: tuple[str, ...]) -> bool:
    found = False
    for one in known:
        found |= hmac.compare_digest(secret.encode(), one.encode())
    return found


def generate_password() -> str:
    """32 random bytes, base64url without padding."""
    return secrets.token_urlsafe(32)


def passwords_of(settings: WebAdminSettings, generated: str | None) -> Passwords:
    """The configured secrets, or the generated one when none is configured and generation is on."""
    full = settings.passwords
    if not (full or settings.passwords_readonly or settings.passwords_nodelete) and settings.generate_password:
        full = (generated or generate_password(),)
    return Passwords(full, settings.passwords_readonly, settings.passwords_nodelete)


class AuthenticationMiddleware:
    """Lets public routes and OPTIONS pass; others need a secret: 401 when unknown, 403 when its class is too small, 429 for
    an address that has tried too many (see `WrongSecrets`)."""

    def __init__(self, app: ASGIApp, passwords: Passwords) -> None:
        self._app = app
        self._passwords = passwords
        self._wrong = WrongSecrets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._passwords.needed and not _is_public(scope):
            address = scope["client"][0] if scope.get("client") else ""
            if wait := self._wrong.wait_seconds(address):
                response = error_response(429, "TooManyRequests", "Too many wrong passwords, try again later", None)
                response.headers["Retry-After"] = str(math.ceil(wait))
                return await response(scope, receive, send)
            secret = _secret(scope)
            allowed = self._passwords.allows(secret, scope["method"])
            if allowed is None:
                # a request without a secret guesses nothing
                if secret:
                    self._wrong.add(address)
                response = error_response(401, "Unauthorized", "A valid password or token is needed", None)
                return await response(scope, receive, send)
            if not allowed:
                response = error_response(403, "Forbidden", f"This password does not allow {scope['method']}", None)
                return await response(scope, receive, send)
        return await self._app(scope, receive, send)


def _is_public(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["method"] == "OPTIONS" or path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES)


def _secret(scope: Scope) -> str:
    secret = ""
    for name, value in scope["headers"]:
        if name == b"password":
            return str(value.decode("latin-1"))
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            secret = value[7:].decode("latin-1").strip()
    return secret
