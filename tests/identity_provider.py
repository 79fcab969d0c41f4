"""An OpenID provider on loopback: npm's oidc-provider, installed at first use beside its lock file in dev/oidc."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.node_packages import install
from tests.ports import free_port
from tests.programs import ALL

FOLDER = Path(__file__).parent.parent / "dev" / "oidc"
INTROSPECTION_AUTH = "Basic bWFpbC1zZXJ2ZXI6bWFpbC1zZXJ2ZXItc2VjcmV0"  # mail-server:mail-server-secret
AUDIENCE = "urn:mail"
CLIENT = "mail-client"


OLDEST_NODE = 20


def why_not() -> str:
    """Why it cannot run here, or nothing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "the identity provider needs node and npm"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    if int(version.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        return f"the identity provider needs node {OLDEST_NODE}"
    return ""


needs_identity_provider = pytest.mark.skipif(
    bool(why_not()) and not ALL, reason=f"{why_not()}: not installed (.ci/run installs it)"
)
"""For tests with access tokens: a fresh machine without node leaves them out, and .ci/run fails without it."""


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
