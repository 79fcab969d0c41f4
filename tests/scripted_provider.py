"""An OpenID provider whose answers and tokens a test decides."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from compostela.adapters.oidc.verifier import LOGOUT_EVENT
from compostela.core.authentication.oidc import OidcSettings
from tests.identity_provider import AUDIENCE, CLIENT


class ScriptedProvider:
    """A provider whose answers a test decides."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.url = ""
        self.key_requests = 0
        self.key_status = 200
        self.introspection: dict[str, object] = {}
        self.userinfo: dict[str, object] = {}
        self.issuer: str | None = None
        self.huge = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedProvider"]:
        application = web.Application()
        application.router.add_get("/config", self._configuration)
        application.router.add_get("/keys", self._keys)
        application.router.add_get("/moved", self._moved)
        application.router.add_post("/introspect", self._json(lambda: self.introspection))
        application.router.add_get("/me", self._json(lambda: self.userinfo))
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def settings(self, **changed: str) -> OidcSettings:
        return replace(
            OidcSettings(
                configuration_url=f"{self.url}/config",
                jwks_url=f"{self.url}/keys",
                claim="email",
                scope="openid",
                audiences=(AUDIENCE,),
            ),
            **changed,  # type: ignore[arg-type]
        )

    def token(self, *, header: dict[str, object] | None = None, **changed: object) -> str:
        claims: dict[str, object] = {"iss": self.url, "aud": AUDIENCE, "email": "ann@example.org", "exp": 4_000_000_000}
        claims |= changed
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid} | (header or {}), claims, self.key)

    def logout_token(self, **changed: object) -> str:
        """Of the session `s1`, which is not of our audience."""
        claims: dict[str, object] = {
            "aud": CLIENT,
            "email": None,
            "exp": None,
            "sid": "s1",
            "events": {LOGOUT_EVENT: {}},
        }
        return self.token(**claims | changed)

    async def _configuration(self, _: web.Request) -> web.Response:
        return web.json_response({"issuer": self.issuer or self.url, "jwks_uri": f"{self.url}/keys"})

    async def _keys(self, _: web.Request) -> web.Response:
        self.key_requests += 1
        if self.huge:
            return web.Response(body=b" " * (2 << 20))
        unknown = {"kty": "AKP", "kid": "new kind"}
        secret = {"kty": "oct", "kid": "secret", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}
        broken = {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"}
        listed = [unknown, secret, broken, self.key.as_dict(private=False)]
        return web.json_response({"keys": listed}, status=self.key_status)

    async def _moved(self, _: web.Request) -> web.Response:
        raise web.HTTPFound(f"{self.url}/keys")

    @staticmethod
    def _json(answer: Callable[[], dict[str, object]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(_: web.Request) -> web.Response:
            return web.json_response(answer())

        return respond
