"""An identity provider that ends a session tells WebAdmin of it, and the session's tokens log in no longer."""

from pathlib import Path

import aiohttp

from compostela.testing.conversation import conversation
from compostela.testing.server import Server, running
from tests.dialogues.authentication import QUICK, SMTP, b64, greet
from tests.dialogues.webadmin import WEBADMIN
from tests.identity_provider import AUDIENCE
from tests.scripted_provider import ScriptedProvider


async def login(server: Server, token: str) -> str:
    """The reply; an error in full, as the client asked to see it."""
    async with conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("AUTH XOAUTH2 " + b64(f"user=bob@example.org\x01auth=Bearer {token}\x01\x01".encode()))
        answer = await c.line()
        if answer.startswith("334 "):
            await c.client("")
            answer = await c.line()
    return answer


async def told(server: Server, body: object, content_type: str = "application/x-www-form-urlencoded") -> int:
    """Without a password, as a provider has none."""
    url = f"http://127.0.0.1:{server.under_test.web_port}/add-revoked-token"
    headers = {"Content-Type": content_type}
    async with aiohttp.ClientSession() as client, client.post(url, data=body, headers=headers) as answer:
        return answer.status


async def test_tokens_of_an_ended_session_log_in_no_longer(tmp_path: Path) -> None:
    async with ScriptedProvider().running() as provider:
        oidc = (
            f"<oidc><oidcConfigurationURL>{provider.url}/config</oidcConfigurationURL><jwksURL>{provider.url}/keys</jwksURL>"
            f"<claim>email</claim><scope>openid</scope><aud>{AUDIENCE}</aud></oidc>"
        )
        files = {"webadmin.properties": WEBADMIN, "authentication.properties": QUICK}
        smtp = SMTP.replace("AUTH", oidc).replace("{ssl}", "false")
        async with running(tmp_path, smtp=smtp, files=files) as server:
            await server.under_test.start_web()
            first, second = (provider.token(email="bob@example.org", sid=session) for session in ("s1", "s2"))
            assert (await login(server, first)).startswith("235")
            assert await told(server, {"logout_token": first}) == 400, "an access token ends nothing"
            assert await told(server, {"other": "x"}) == 400
            assert await told(server, b"logout_token=\xff") == 400
            assert await told(server, b"{}", "application/json") == 415
            assert (await login(server, first)).startswith("235")
            assert await told(server, {"logout_token": provider.logout_token()}) == 200
            assert (await login(server, first)).startswith("535")
            assert (await login(server, second)).startswith("235")


async def test_without_a_provider_there_is_nothing_to_end(tmp_path: Path) -> None:
    async with running(tmp_path, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        assert await told(server, {"logout_token": "a.b.c"}) == 400
