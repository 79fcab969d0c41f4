"""An OpenID provider on loopback: npm's oidc-provider, installed at first use beside its lock file in dev/oidc."""

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compostela.testing.ports import free_port
from tests.node_packages import install, needs_node

FOLDER = Path(__file__).parent.parent / "dev" / "oidc"
INTROSPECTION_AUTH = "Basic bWFpbC1zZXJ2ZXI6bWFpbC1zZXJ2ZXItc2VjcmV0"  # mail-server:mail-server-secret
AUDIENCE = "urn:mail"
CLIENT = "mail-client"


needs_identity_provider = needs_node("the identity provider")
"""For tests with access tokens."""


@dataclass(frozen=True)
class IdentityProvider:
    """Where it listens, and tokens of it."""

    url: str

    @property
    def configuration_url(self) -> str:
        return f"{self.url}/.well-known/openid-configuration"

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks"

    @property
    def introspection_url(self) -> str:
        return f"{self.url}/token/introspection"

    @property
    def userinfo_url(self) -> str:
        return f"{self.url}/me"

    @property
    def oidc(self) -> str:
        """The element of an `auth` block that takes its tokens."""
        return (
            f"<oidc><oidcConfigurationURL>{self.configuration_url}</oidcConfigurationURL>"
            f"<jwksURL>{self.jwks_url}</jwksURL><claim>email</claim><scope>openid email</scope><aud>{AUDIENCE}</aud></oidc>"
        )

    def jwt(self, user: str, *, audience: str = AUDIENCE, lifetime: int = 3600) -> str:
        return self._token(username=user, resource=audience, lifetime=str(lifetime))

    def opaque(self, user: str) -> str:
        return self._token(username=user)

    def revoke(self, token: str) -> None:
        self._post("/token/revocation", token=token)

    def _token(self, **fields: str) -> str:
        return str(json.loads(self._post("/token", grant_type="test", **fields))["access_token"])

    def _post(self, path: str, **fields: str) -> bytes:
        form = {"client_id": CLIENT, "client_secret": "mail-client-secret", **fields}
        with urllib.request.urlopen(f"{self.url}{path}", urllib.parse.urlencode(form).encode(), timeout=20) as answer:
            body: bytes = answer.read()
            return body


@contextmanager
def running_provider() -> Iterator[IdentityProvider]:
    install(FOLDER, "oidc-provider")
    port = free_port()
    command = ["node", "provider.mjs", str(port)]
    process = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        while (line := process.stdout.readline()).strip() != "ready":
            assert line, "the identity provider ended at its start"
        yield IdentityProvider(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()
