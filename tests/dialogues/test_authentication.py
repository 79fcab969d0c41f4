"""Logins at the wire, by every mechanism, over SMTP and IMAP (RFC 4954, RFC 3501 §6.2.2)."""

import base64
import contextlib
from pathlib import Path

import pytest

from compostela.model.username import Username
from compostela.testing.conversation import conversation
from compostela.testing.server import ANN, BOB
from tests.dialogues.authentication import ALL, SMTP, b64, greet, offers, scram, serving
from tests.dialogues.tls_server import KEY, client_context, submitted
from tests.dialogues.tls_server import running as running_with_tls
from tests.identity_provider import IdentityProvider, needs_identity_provider
from tests.unit.protocols.sasl import final


async def test_what_is_offered_depends_on_the_channel(tmp_path: Path) -> None:
    async with serving(tmp_path, ssl=True) as server, conversation(server.ports["smtp"]) as c:
        assert await greet(c) == []
        await c.client("AUTH SCRAM-SHA-256 x", "STARTTLS")
        await c.server("538 5.7.11", "220 ")
        await c.start_tls()
        assert await offers(c) == ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]


async def test_plain_auth_can_be_taken_away(tmp_path: Path) -> None:
    async with serving(tmp_path, "<plainAuthEnabled>false</plainAuthEnabled>" + ALL) as server:
        async with conversation(server.ports["smtp"]) as c:
            assert await greet(c) == ["SCRAM-SHA-256"]
            await c.client("AUTH PLAIN")
            await c.server("504 5.5.4 Unrecognized Authentication Type")
        async with conversation(server.ports["imap"]) as c:
            greeting = await c.server("* OK [CAPABILITY ")
            assert "LOGINDISABLED" in greeting
            assert "AUTH=SCRAM-SHA-256" in greeting


async def test_no_login_in_a_transaction_and_none_twice(tmp_path: Path) -> None:
    """RFC 4954 §4; pipelined commands are handled in their order, after the reply to the exchange."""
    bob = "AUTH PLAIN " + b64(b"\0bob@example.org\0secret")
    async with serving(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<>", bob, "RSET", "AUTH LOGIN", b64(b"bob@example.org"), "=", "AUTH LOGIN =", "*")
        await c.server(
            "250 ", "503 5.5.1 AUTH is not permitted", "250 ", "334 VXN", "334 UGF", "501 5.5.2", "334 UGF", "501 5.7.1"
        )
        await c.client(
            "AUTH PLAIN =", bob, "MAIL FROM:<ann@example.org>", bob, "MAIL FROM:<bob@example.org>", "STARTTLS"
        )
        await c.server("501 5.5.2", "235 2.7.0", "503 5.7.1", "503 5.5.0", "250 2.1.0", "501 5.5.4")


async def test_long_lines_of_an_exchange(tmp_path: Path) -> None:
    """RFC 4954 §4: 12,288 octets, whatever other lines may have; beyond that the exchange is at its end."""
    fits = b64(b"\0bob@example.org\0" + b"p" * 9150)
    assert 12_000 < len(fits) < 12_288 - len("AUTH PLAIN \r\n")
    async with serving(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client(
            f"AUTH PLAIN {fits}", "auth plain", fits, "NOOP " + "x" * 9000, "AUTH PLAIN", "NOOP" + "x" * 12_288, "NOOP"
        )
        await c.server("535 5.7.8", "334 ", "535 5.7.8", "500 5.5.2 Line length exceeded", "334 ")
        await c.server("500 5.5.6 Authentication Exchange line is too long", "250 2.0.0 OK")
        await c.client(f"AUTH PLAIN {fits}{fits}", "NOOP")
        await c.server("500 5.5.2 Line length exceeded", "250 2.0.0 OK")


async def test_scram_over_smtp(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        assert (await scram(c, "SCRAM-SHA-256", password=b"wrong")).startswith("535 5.7.8")
        assert (await scram(c, "SCRAM-SHA-256", user="nobody@example.org")).startswith("535 5.7.8")
        assert (await scram(c, "SCRAM-SHA-256")).startswith("235 2.7.0")


@pytest.mark.parametrize("user", ["bob", "nobody"])
async def test_scram_does_not_tell_who_exists_by_other_spellings(tmp_path: Path, user: str) -> None:
    async with serving(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        told = set()
        for name in (
            f"{user}@example.org",
            f"{user.upper()}@Example.ORG",
            f"{user}@example.org.",
            f"{user}@\uff45xample.org",
        ):
            await c.client("AUTH SCRAM-SHA-256 " + b64(f"n,,n={name},r=clientnonce".encode()), "*")
            challenge = base64.b64decode((await c.line()).removeprefix("334 "))
            told.add(challenge.partition(b",s=")[2])
            await c.server("501 5.7.1")
        assert len(told) == 1


async def test_a_user_from_before_scram_gets_it_with_the_first_login(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        stored = await server.store.users.password_hash(BOB)
        assert stored is not None
        await server.store.users.set_password_hash(BOB, stored)
        await greet(c)
        assert (await scram(c, "SCRAM-SHA-256")).startswith("535 ")
        async with conversation(server.ports["imap"]) as other:
            await other.client("a1 LOGIN bob@example.org secret")
            await other.until("a1 OK")
        assert (await scram(c, "SCRAM-SHA-256")).startswith("235 ")


async def test_scram_plus_over_tls_and_no_downgrade(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("STARTTLS")
        await c.server("220 ")
        await c.start_tls()
        assert "SCRAM-SHA-256-PLUS" in await offers(c)
        (host,) = [one for listener in server.under_test.listeners for one in listener._open]
        binding = host.tls_channel.server_end_point()  # type: ignore[attr-defined]
        plus = "p=tls-server-end-point,,"
        assert (await scram(c, "SCRAM-SHA-256-PLUS", plus, b"another")).startswith("535 ")
        await c.client(f"AUTH SCRAM-SHA-256 {b64(b'y,,n=bob@example.org,r=clientnonce')}")
        await c.server("535 5.7.8 server-does-support-channel-binding")
        await c.client(f"AUTH SCRAM-SHA-256 {b64(b'p=tls-exporter,,n=bob@example.org,r=clientnonce')}")
        await c.server("535 5.7.8 channel-binding-not-supported")
        # as gsasl and mutt do under TLS 1.3 (RFC 9266)
        await c.client(f"AUTH SCRAM-SHA-256-PLUS {b64(b'p=tls-exporter,,n=bob@example.org,r=clientnonce')}")
        await c.server("535 5.7.8 unsupported-channel-binding-type")
        assert (await scram(c, "SCRAM-SHA-256-PLUS", plus, binding)).startswith("235 ")


async def test_imap_answers_no_to_a_channel_binding_that_it_has_not(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await c.server("* OK ")
        await c.client("a0 STARTTLS")
        await c.server("a0 OK")
        await c.start_tls()
        for number in range(2):
            first = b64(b"p=tls-exporter,,n=bob@example.org,r=clientnonce")
            await c.client(f"a{number} AUTHENTICATE SCRAM-SHA-256-PLUS {first}")
            await c.server(f"a{number} NO [AUTHENTICATIONFAILED] AUTHENTICATE failed. unsupported-channel-binding-type")
        await c.client("b LOGIN bob@example.org secret")
        await c.server("b OK")


async def test_scram_over_imap(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await c.server("* OK ")
        first = "n=bob@example.org,r=clientnonce"
        await c.client("a1 AUTHENTICATE SCRAM-SHA-256")
        await c.server("+ ")
        await c.client(b64(("n,," + first).encode()))
        challenge = (await c.line()).removeprefix("+ ")
        await c.client(b64(final(first, "n,,", b"", base64.b64decode(challenge))))
        assert base64.b64decode((await c.line()).removeprefix("+ ")).startswith(b"v=")
        await c.client("")
        await c.server("a1 OK [CAPABILITY ")


async def test_delegation(tmp_path: Path) -> None:
    as_ann = b64(b"ann@example.org\x00bob@example.org\x00secret")
    async with (
        serving(tmp_path) as server,
        conversation(server.ports["smtp"]) as c,
        conversation(server.ports["imap"]) as d,
    ):
        await greet(c)
        await d.server("* OK ")
        for target, answer in ((as_ann, "Delegation is forbidden."), (b64(b"no@example.org\x00bob@example.org\x00secret"), "User does not exist.")):  # fmt: skip
            await c.client(f"AUTH PLAIN {target}")
            await c.server(f"535 5.7.8 {answer}")
        await d.client(f"a1 AUTHENTICATE PLAIN {as_ann}")
        await d.server("a1 NO [AUTHORIZATIONFAILED] AUTHENTICATE failed. Delegation is forbidden.")
        await server.store.delegations.allow(ANN, BOB)
        await c.client(f"AUTH PLAIN {as_ann}")
        await c.server("235 ")
        await d.client(f"a2 AUTHENTICATE PLAIN {as_ann}", 'a3 LIST "" *')
        await d.server("a2 OK")
        await c.client("MAIL FROM:<bob@example.org>", "MAIL FROM:<ann@example.org>")
        await c.server("503 5.7.1", "250 2.1.0")


async def test_imaps_administrators_act_for_anybody(tmp_path: Path) -> None:
    async with (
        serving(
            tmp_path, "<adminUsers><adminUser>bob@example.org</adminUser></adminUsers>", SMTP.replace("AUTH", "")
        ) as server,
        conversation(server.ports["imap"]) as c,
    ):
        await c.server("* OK ")
        await c.client(
            f"a1 AUTHENTICATE PLAIN {b64(b'ann@example.org' + bytes(1) + b'bob@example.org' + bytes(1) + b'secret')}"
        )
        await c.server("a1 OK")


async def test_who_guesses_is_shut_out_and_let_in_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        async with conversation(server.ports["smtp"]) as c:
            await greet(c)
            # a forgotten mail program, which tries the same again and again
            for _ in range(6):
                await c.client("AUTH PLAIN " + b64(b"\x00bob@example.org\x00old"))
                await c.server("535 ")
            for number in range(3):
                await c.client("AUTH PLAIN " + b64(b"\x00bob@example.org\x00guess%d" % number))
                await c.server("535 ")
            await c.client("AUTH PLAIN " + b64(b"\x00bob@example.org\x00secret"))
            await c.server("454 4.7.0 Too many failed logins from your address, try again later.")
        throttle = server.under_test.services.throttle
        assert [(ban.address, ban.failures) for ban in await throttle.bans()] == [("127.0.0.1", 4)]
        async with conversation(server.ports["imap"]) as c:
            await c.server("* OK ")
            await c.client("a1 LOGIN bob@example.org secret")
            await c.server("a1 NO [UNAVAILABLE] LOGIN failed. Too many failed logins")
            assert await throttle.clear("127.0.0.1")
            await c.client("a2 LOGIN bob@example.org secret")
            await c.until("a2 OK")


async def test_guesses_at_once_tell_no_more_than_one_by_one(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(conversation(server.ports["smtp"])) for _ in range(20)]
        for c in clients:
            await greet(c)
        for number, c in enumerate(clients, 1):
            await c.client("AUTH PLAIN " + b64(f"\0bob@example.org\0{'secret' if number == 20 else number}".encode()))
        answers = [(await c.line())[:3] for c in clients]
        assert set(answers[:4]) == {"535"}
        assert set(answers[4:]) == {"454"}


async def test_who_is_shut_out_hears_nothing_of_proofs_begun_before(tmp_path: Path) -> None:
    first = "n=bob@example.org,r=clientnonce"
    async with serving(tmp_path) as server, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(conversation(server.ports["smtp"])) for _ in range(6)]
        challenges = []
        for c in clients:
            await greet(c)
            await c.client(f"AUTH SCRAM-SHA-256 {b64(b'n,,' + first.encode())}")
            challenges.append(base64.b64decode((await c.server("334 "))[4:]))
        for number, (c, challenge) in enumerate(zip(clients, challenges, strict=True)):
            password = b"secret" if number == 5 else b"guess %d" % number
            await c.client(b64(final(first, "n,,", b"", challenge, password)))
            await c.server("535 5.7.8" if number < 4 else "454 4.7.0")


async def test_a_client_certificate_logs_in(tmp_path: Path) -> None:
    trust = KEY + "<clientAuth>want<truststore>file://conf/trust.pem</truststore></clientAuth>"
    async with running_with_tls(tmp_path, {"smtps": trust}, {"imaps": trust}) as server:
        await server.under_test.services.users.add(Username("bob@example.org"), "secret")
        async with submitted(server.ports["smtps"], "smtps", client_context()) as c:
            await c.client("AUTH EXTERNAL =")
            await c.server("504 5.5.4")
        async with submitted(server.ports["smtps"], "smtps", client_context("client.pem")) as c:
            await c.client("AUTH EXTERNAL " + b64(b"ann@example.org"), "AUTH EXTERNAL =")
            await c.server("535 5.7.8 User does not exist.", "235 ")
        async with submitted(server.ports["imaps"], "imaps", client_context("client.pem")) as c:
            await c.client("a1 CAPABILITY")
            lines = await c.until("a1 OK")
            assert "AUTH=EXTERNAL" in lines[0]
            await c.client("a2 AUTHENTICATE EXTERNAL =")
            await c.server("a2 OK")


@needs_identity_provider
async def test_access_tokens(tmp_path: Path, provider: IdentityProvider) -> None:
    bob, nobody = provider.jwt("bob"), provider.jwt("nobody")
    bearer = b64(f"n,a=bob@example.org,\x01auth=Bearer {bob}\x01\x01".encode())
    xoauth2 = b64(f"user=bob@example.org\x01auth=Bearer {bob}\x01\x01".encode())
    async with serving(tmp_path, provider.oidc) as server:
        for response in (f"OAUTHBEARER {bearer}", f"XOAUTH2 {xoauth2}"):
            async with conversation(server.ports["smtp"]) as c:
                assert {"OAUTHBEARER", "XOAUTH2"} <= set(await greet(c))
                await c.client(f"AUTH {response}")
                await c.server("235 2.7.0")
            async with conversation(server.ports["imap"]) as c:
                await c.server("* OK ")
                await c.client(f"a1 AUTHENTICATE {response}")
                await c.server("a1 OK")
        async with conversation(server.ports["smtp"]) as c:
            await greet(c)
            for token in (nobody, "not.a.token", "opaque"):
                await c.client("AUTH OAUTHBEARER " + b64(f"n,,\x01auth=Bearer {token}\x01\x01".encode()))
                told = base64.b64decode((await c.server("334 "))[4:])
                assert b'"status": "invalid_token"' in told
                assert provider.configuration_url.encode() in told
                await c.client(b64(b"\x01"))
                await c.server("535 5.7.8 Authentication Failed")


async def test_a_provider_that_cannot_be_asked_refuses_nobody_for_good(tmp_path: Path) -> None:
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9.e30.AAAA"
    bearer = b64(f"n,,\x01auth=Bearer {token}\x01\x01".encode())
    async with serving(tmp_path, "<oidc><jwksURL>http://127.0.0.1:1/jwks</jwksURL><aud>mail</aud></oidc>") as server:
        async with conversation(server.ports["smtp"]) as c:
            await greet(c)
            for _ in range(5):
                await c.client(f"AUTH OAUTHBEARER {bearer}")
                await c.server("451 4.3.0 Unable to process request")
            await c.client("AUTH PLAIN " + b64(b"\0bob@example.org\0secret"))
            await c.server("235 ")
        async with conversation(server.ports["imap"]) as c:
            await c.server("* OK ")
            await c.client(f"a1 AUTHENTICATE OAUTHBEARER {bearer}")
            await c.server("a1 NO [UNAVAILABLE]")
