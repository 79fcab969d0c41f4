"""Real clients log in by tokens and by certificates: msmtp and curl."""

from pathlib import Path

import pytest

from compostela.model.username import Username
from tests.dialogues.authentication import serving
from tests.dialogues.login_clients import BOB, MAIL, msmtp, run
from tests.dialogues.tls_server import KEY, KEYS
from tests.dialogues.tls_server import running as running_with_tls
from tests.identity_provider import IdentityProvider, needs_identity_provider
from tests.programs import needs

pytestmark = needs("msmtp", "curl")


@pytest.mark.slow
@needs_identity_provider
async def test_access_tokens(tmp_path: Path, provider: IdentityProvider) -> None:
    token = provider.jwt("bob")
    (tmp_path / "mail").write_bytes(MAIL)
    async with serving(tmp_path, provider.oidc) as server:
        tls = ("--tls=on", "--tls-starttls=on", "--tls-certcheck=off")
        for mechanism in ("oauthbearer", "xoauth2"):
            assert await msmtp(server.ports["smtp"], mechanism, *tls, f"--passwordeval=echo {token}") == 0
            assert await msmtp(server.ports["smtp"], mechanism, *tls, "--passwordeval=echo wrong") != 0
        curl = ("curl", "--silent", "--insecure", "--ssl-reqd", "--user", BOB, "--oauth2-bearer")
        mail = ("--mail-from", BOB, "--mail-rcpt", BOB, "--upload-file", str(tmp_path / "mail"))
        assert await run(*curl, token, f"smtp://127.0.0.1:{server.ports['smtp']}", *mail) == 0
        assert await run(*curl, "wrong", f"smtp://127.0.0.1:{server.ports['smtp']}", *mail) != 0
        assert await run(*curl, token, f"imap://127.0.0.1:{server.ports['imap']}") == 0
        assert await run(*curl, "wrong", f"imap://127.0.0.1:{server.ports['imap']}") != 0


async def test_a_client_certificate(tmp_path: Path) -> None:
    trust = KEY + "<clientAuth>want<truststore>file://conf/trust.pem</truststore></clientAuth>"
    key = KEYS / "client.pem"
    # msmtp takes no key that others may read
    private = tmp_path / "client.pem"
    private.write_bytes(key.read_bytes())
    private.chmod(0o600)
    shown = (f"--tls-cert-file={private}", f"--tls-key-file={private}")
    tls = ("--tls=on", "--tls-starttls=off", "--tls-certcheck=off")
    async with running_with_tls(tmp_path, {"smtps": trust}) as server:
        await server.under_test.services.users.add(Username(BOB), "secret")
        assert await msmtp(server.ports["smtps"], "external", *tls, *shown) == 0
        assert await msmtp(server.ports["smtps"], "external", *tls) != 0
