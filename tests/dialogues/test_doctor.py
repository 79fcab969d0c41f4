"""The diagnosis against running servers, good and bad."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.app.first_start import CERTIFICATE_DAYS, make_certificate
from compostela.base.settings import Settings
from compostela.core.autoconfiguration.endpoints import Endpoint, Proxied, Speaks
from compostela.core.mail.model import MailAddress
from compostela.core.smtp_hooks.hooks import OK, HookResult, SmtpHook
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.doctor.model import Account, Finding, Severity, exit_status
from compostela.doctor.wire import dialogue, relay
from compostela.doctor.wire.certificates import certificate_of
from compostela.doctor.wire.tls_strength import check_tls_strength
from compostela.smtp_hooks.context import HookContext
from compostela.testing.conversation import conversation
from compostela.testing.server import BOB, PASSWORD, USERS
from tests.dialogues.examined import examined

NETWORKS = "<authorizedAddresses>{}</authorizedAddresses>"


class CustomHook(SmtpHook):
    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)


class OpenHook(CustomHook):
    """What makes a server an open relay."""

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        return OK


def of(findings: list[Finding], check: str) -> list[Finding]:
    return [one for one in findings if one.check == check]


async def test_no_trick_makes_the_server_relay(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        (found,) = await server.findings("relay")
        assert found.severity is Severity.OK
        assert "refused all 125 attempts to relay, from 127.0.0.1" in found.what


async def test_no_trick_in_utf8_makes_the_server_relay(tmp_path: Path) -> None:
    hooks = '<handler class="SmtpUtf8MailHook"/><handler class="SmtpUtf8RcptHook"/>'
    async with examined(tmp_path, handlers=hooks) as server:
        (found,) = await server.findings("relay")
        assert (found.severity, "refused all 125" in found.what) == (Severity.OK, True)


async def test_an_lmtp_server_does_not_relay_either(tmp_path: Path) -> None:
    async with examined(tmp_path, lmtp="") as server:
        found = [one for one in await server.findings("relay", "tls", "ports") if one.subject.startswith("lmtp ")]
        assert {(one.check, one.severity) for one in found} == {
            (check, Severity.OK) for check in ("ports", "tls", "relay")
        }
        everywhere = tuple(replace(one, everywhere=True) for one in server.subject.endpoints)
        server.subject = replace(server.subject, endpoints=everywhere)
        assert "takes LMTP from all addresses" in " ".join(one.what for one in await server.findings("ports"))


async def test_an_authorised_loopback_is_told_of_and_another_address_is_used(tmp_path: Path) -> None:
    async with examined(tmp_path, elements=NETWORKS.format("127.0.0.1")) as server:
        told, tried = await server.findings("relay")
        assert (told.severity, tried.severity) == (Severity.INFO, Severity.OK)
        assert "Programs on this machine may relay" in told.what
        assert "from 127.99.25.25" in tried.what


async def test_where_every_address_is_authorised_nothing_is_claimed(tmp_path: Path) -> None:
    async with examined(tmp_path, elements=NETWORKS.format("127.0.0.0/8")) as server:
        _, untried = await server.findings("relay")
        assert untried.severity is Severity.INFO
        assert "was not tried: every address this machine can come from is authorised" in untried.what


async def test_a_network_of_everybody_is_an_open_relay(tmp_path: Path) -> None:
    async with examined(tmp_path, elements=NETWORKS.format("0.0.0.0/0")) as server:
        found = await server.findings("relay")
        assert found[0].severity is Severity.ERROR
        assert "Everybody may relay" in found[0].what
        assert exit_status(found) == 2


async def test_an_open_relay_is_found_out(tmp_path: Path) -> None:
    async with examined(tmp_path, handlers='<handler class="tests.dialogues.test_doctor.OpenHook"/>') as server:
        # the kit's own ValidRcptHandler is asked first: only foreign addresses come through
        found = await server.findings("relay")
        assert found[0].severity is Severity.ERROR
        assert "RCPT TO:<relay-test@example.com> (plain address)" in found[0].what
        assert "<authorizedAddresses>" in found[0].fix


async def test_a_route_in_a_local_part_that_is_followed_is_found_out(tmp_path: Path) -> None:
    async with scripted(lambda line: "%" in line) as endpoint, examined(tmp_path) as server:
        found = await relay.check_relay(server.subject, endpoint)
        assert found[0].severity is Severity.ERROR
        assert "(percent hack)" in found[0].what


async def test_a_server_that_takes_any_local_part_relays_nothing_but_is_told_of(tmp_path: Path) -> None:
    async with scripted(lambda line: line.endswith("@example.org>")) as endpoint, examined(tmp_path) as server:
        warned, fine = await relay.check_relay(server.subject, endpoint)
        assert (warned.severity, fine.severity) == (Severity.WARNING, Severity.OK)
        assert "ValidRcptHandler" in warned.fix


async def test_mail_for_a_managed_domain_is_no_relaying(tmp_path: Path) -> None:
    async with scripted(lambda line: line.endswith("@example.com>")) as endpoint, examined(tmp_path) as server:
        subject = replace(server.subject, domains=("example.org", "example.com", "example.net"))
        findings = await relay.check_relay(subject, endpoint)
        assert [one.what for one in findings if one.severity is Severity.ERROR] == []


@pytest.mark.parametrize(
    "domains", [("example.org", "alias.example", "other.example"), ("alias.example", "example.org")]
)
async def test_a_domain_alias_that_takes_any_local_part_is_told_of(tmp_path: Path, domains: tuple[str, ...]) -> None:
    async with scripted(lambda line: line.endswith("@alias.example>")) as endpoint, examined(tmp_path) as server:
        subject = replace(server.subject, domains=domains)
        warned, fine = await relay.check_relay(subject, endpoint)
        assert (warned.severity, fine.severity) == (Severity.WARNING, Severity.OK)
        assert warned.what.endswith("takes mail for users that do not exist in alias.example.")
        assert "<recipientRewriteTableCheck>anyMappingValid</recipientRewriteTableCheck>" in warned.fix


async def test_a_server_that_closes_after_errors_is_asked_over_new_connections(tmp_path: Path) -> None:
    async with scripted(lambda _: False, errors=10) as endpoint, examined(tmp_path) as server:
        (found,) = await relay.check_relay(server.subject, endpoint)
        assert "refused all 125 attempts" in found.what


async def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "STEP_SECONDS", 0.1)
    async with silent() as endpoint, examined(tmp_path) as server:
        (found,) = await relay.check_relay(server.subject, endpoint)
        assert found.severity is Severity.WARNING
        assert "was silent" in found.what


async def test_a_server_that_takes_no_sender_proves_nothing(tmp_path: Path) -> None:
    async with scripted(lambda _: False, senders=False) as endpoint, examined(tmp_path) as server:
        (found,) = await relay.check_relay(server.subject, endpoint)
        assert found.severity is Severity.INFO
        assert "takes no mail from 127.0.0.1 at all: 550 no" in found.what
        (found,) = await relay.check_relay(server.subject, replace(endpoint, login=True, login_required=True))
        assert found.severity is Severity.OK


async def test_a_proxy_header_gives_a_strange_address(tmp_path: Path) -> None:
    seen: list[str] = []
    async with scripted(lambda _: False, first=seen) as endpoint, examined(tmp_path) as server:
        proxied = replace(endpoint, proxied=Proxied.BEFORE_TLS)
        (found,) = await relay.check_relay(server.subject, proxied)
        assert seen[0].startswith("PROXY TCP4 192.0.2.77 ")
        assert "from 192.0.2.77" in found.what


@pytest.mark.parametrize("first", ["true", "false"])
async def test_a_server_behind_a_proxy_is_examined_as_its_proxy_would(tmp_path: Path, first: str) -> None:
    proxy = f"<proxyRequired>true</proxyRequired><proxyFirst>{first}</proxyFirst>"
    async with examined(tmp_path, elements=proxy) as server:
        (found,) = await server.findings("relay")
        assert "refused all 125 attempts to relay, from 192.0.2.77" in found.what
        sent, _ = await server.findings("account", account=Account(str(BOB), PASSWORD))
        assert sent.severity is Severity.OK


async def test_a_server_that_believes_other_proxies_only_is_not_examined(tmp_path: Path) -> None:
    proxy = "<proxyRequired>true</proxyRequired><proxyNetworks>192.0.2.0/24</proxyNetworks>"
    async with examined(tmp_path, elements=proxy) as server:
        found = await server.findings("ports", "relay")
        assert "from its proxies only" in found[0].what
        assert not of(found, "relay")


async def test_passwords_in_clear_text_are_an_error(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        assert [one.severity for one in await server.findings("passwords")] == [Severity.ERROR] * 2
    (tmp_path / "safe").mkdir()
    async with examined(tmp_path / "safe", ssl=True) as server:
        assert [one.severity for one in await server.findings("passwords")] == [Severity.OK] * 2


async def test_our_own_tls_is_strong(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        assert [one.severity for one in await server.findings("tls")] == [Severity.OK] * 2


async def test_old_tls_is_found_out(tmp_path: Path) -> None:
    async with examined(tmp_path):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with pytest.deprecated_call():
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(tmp_path / "data/tls/certificate.pem", tmp_path / "data/tls/key.pem")
        async with scripted(lambda _: False, context=context) as endpoint:
            (found,) = await check_tls_strength(replace(endpoint, implicit=True))
            assert found.severity is Severity.WARNING
            assert "takes TLS 1.0, TLS 1.1" in found.what


async def test_a_port_without_tls_is_told_of(tmp_path: Path) -> None:
    endpoint = Endpoint("plain", Speaks.SMTP, "127.0.0.1", 1, login=True)
    (found,) = await check_tls_strength(endpoint)
    assert (found.severity, found.fix) == (
        Severity.ERROR,
        '<tls startTLS="true"> with a key, in the server plain',
    )


async def test_a_self_signed_certificate_for_another_name_is_told_of(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        named, trusted = await server.findings("certificate")
        assert "is for localhost, 127.0.0.1, ::1, not for mail.example.org" in named.what
        assert "is not trusted: self-signed certificate" in trusted.what
        assert trusted.severity is Severity.WARNING


async def test_a_certificate_that_was_not_read_again_is_told_of(tmp_path: Path) -> None:
    """DNS is compared with what other servers see, not with the files."""
    async with examined(tmp_path) as server:
        make_certificate(tmp_path / "renewed", "mail.example.org")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "renewed/tls/certificate.pem", tmp_path / "renewed/tls/key.pem")
        server.subject = replace(server.subject, certificate=certificate_of(context))
        found = [one.what for one in await server.findings("certificate", "dane")]
        assert any("serves another certificate than the one in its files" in one for one in found)
        assert any("A TLSA record at _25._tcp.mail.example.org matches" in one for one in found)


async def test_a_wrong_name_is_an_error_when_the_policy_is_enforced(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        setup = server.subject.setup
        server.subject = replace(server.subject, setup=replace(setup, policy=replace(setup.policy, mode="enforce")))
        named, _ = await server.findings("certificate")
        assert (named.severity, "not for mail.example.org" in named.what) == (Severity.ERROR, True)


async def test_a_trusted_certificate_with_the_right_name_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with examined(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "data/tls/certificate.pem"))
        server.subject = replace(server.subject, setup=replace(server.subject.setup, host="localhost"))
        assert [one.severity for one in await server.findings("certificate")] == [Severity.OK] * 2


@pytest.mark.parametrize(
    ("shift", "severity", "text"),
    [
        (-900, Severity.ERROR, "ended on"),
        (5.5 - CERTIFICATE_DAYS, Severity.WARNING, "ends in 5 days"),
        (10, Severity.ERROR, "not valid yet"),
    ],
)
async def test_dates_of_certificates(tmp_path: Path, shift: float, severity: Severity, text: str) -> None:
    async with examined(tmp_path) as server:
        certificate = server.subject.certificate
        assert certificate is not None
        moved = replace(
            certificate,
            names=("mail.example.org",),
            not_before=certificate.not_before + shift * 86_400,
            not_after=certificate.not_after + shift * 86_400,
        )
        server.subject = replace(server.subject, certificate=moved, endpoints=())
        (found,) = await server.findings("certificate")
        assert found.severity is severity
        assert text in found.what


async def test_a_user_logs_in_sends_and_sees_the_mail_arrive(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        sent, read = await server.findings("account", account=Account(str(BOB), PASSWORD))
        assert (sent.severity, read.severity) == (Severity.OK, Severity.OK)
        assert "saw the mail arrive" in read.what
        assert server.server is not None
        async with conversation(server.server.ports["imap"]) as c:
            await c.client(f"a LOGIN {BOB} {PASSWORD}", "b STATUS INBOX (MESSAGES)")
            assert "* STATUS INBOX (MESSAGES 0)" in await c.until("b OK")


async def test_a_wrong_password_is_an_error_that_does_not_show_it(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        found = await server.findings("account", account=Account(str(BOB), "not-the-password"))
        assert [one.severity for one in found] == [Severity.ERROR] * 2
        assert "535" in found[0].what
        assert not [one for one in found if "not-the-password" in str(one)]


@pytest.mark.parametrize(
    ("user", "password"),
    [("bob@example.org", 'pässw"ör\\d'), ("müller@example.org", "secret"), ("bob@example.org", "se cret")],
)
async def test_names_and_passwords_of_all_kinds_are_tried(tmp_path: Path, user: str, password: str) -> None:
    utf8 = '<handler class="SmtpUtf8MailHook"/><handler class="SmtpUtf8RcptHook"/>'
    async with examined(tmp_path, handlers=utf8, users={user: password}) as server:
        found = await server.findings("account", account=Account(user, password))
        assert [one.severity for one in found] == [Severity.OK] * 2, found


async def test_a_user_without_a_domain_writes_to_the_default_domain(tmp_path: Path) -> None:
    """Not to the server's name, which is another one: the mail would leave."""
    plain = {"usersrepository.xml": USERS.replace("true", "false")}
    async with examined(tmp_path, files=plain, users={"bob": PASSWORD}) as server:
        _, read = await server.findings("account", account=Account("bob", PASSWORD))
        assert "saw the mail arrive" in read.what


async def test_a_name_that_is_none_is_a_finding_too(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        found = await server.findings("account", account=Account("bob\r\nRSET@example.org", PASSWORD))
        assert [one.severity for one in found] == [Severity.ERROR] * 2
        assert "could not send over" in found[0].what
        assert "could not read over" in found[1].what
        assert "b'" not in found[1].what


async def test_without_a_user_no_login_is_tried(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        (found,) = await server.findings("account")
        assert (found.severity, found.fix) == (Severity.INFO, "compostela doctor --user NAME")


async def test_ports_that_answer_and_ports_that_should_be_there(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        server.subject = replace(server.subject, settings=replace(server.subject.settings, addresses=("127.0.0.1",)))
        found = await server.findings("ports")
        texts = " ".join(one.what for one in found)
        assert "No SMTP server listens on port 25." in texts
        assert "listen on the loopback address only" in texts
        assert sum("can be reached at 127.0.0.1:" in one.what for one in found) == 2


async def test_a_server_that_does_not_run_is_told_of_and_dns_is_examined_all_the_same(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        dead = tuple(replace(one, port=1) for one in server.subject.endpoints)
        server.subject = replace(server.subject, endpoints=dead)
        found = await server.findings()
        (ports,) = of(found, "ports")
        assert "does not run" in ports.what
        assert not of(found, "relay")
        assert [one.severity for one in of(found, "mx")] == [Severity.OK]
        assert of(found, "certificate")


async def test_what_dns_prints_is_what_the_doctor_wants(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        found = await server.findings()
        by_dns = [one for one in found if one.check in ("names", "reverse-dns", "mx", "spf", "tls-rpt", "dane")]
        assert len(by_dns) == 7
        assert [one for one in by_dns if one.severity is not Severity.OK] == []


@contextlib.asynccontextmanager
async def scripted(
    accepts: Callable[[str], bool],
    *,
    errors: int = 1000,
    senders: bool = True,
    context: ssl.SSLContext | None = None,
    first: list[str] | None = None,
) -> AsyncIterator[Endpoint]:
    """An SMTP server of few words: `accepts` says which RCPT it takes; after so many errors it closes."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = errors
        if first is not None:
            first.append((await reader.readline()).decode())
        writer.write(b"220 scripted\r\n")
        while line := (await reader.readline()).decode().rstrip():
            refused = (line.startswith("RCPT") and not accepts(line)) or (line.startswith("MAIL") and not senders)
            left -= refused
            if left < 0:
                writer.write(b"421 too many errors\r\n")
                break
            writer.write(b"550 no\r\n" if refused else b"250 yes\r\n")
        writer.close()

    async def safely(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await converse(reader, writer)

    server = await asyncio.start_server(safely, "127.0.0.1", 0, ssl=context)
    try:
        yield Endpoint("scripted", Speaks.SMTP, "127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[Endpoint]:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield Endpoint("silent", Speaks.SMTP, "127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def test_checks_are_independent(tmp_path: Path) -> None:
    async with examined(tmp_path) as server:
        server.names.failing.add("_dmarc.example.org")
        found = await server.findings()
        (dmarc,) = of(found, "dmarc")
        assert "DNS did not answer" in dmarc.what
        assert [one.severity for one in of(found, "mx")] == [Severity.OK]
