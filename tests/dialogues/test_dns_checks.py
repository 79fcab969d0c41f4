"""Checks of the sender, the recipient and the client's name in DNS, at the wire."""

from pathlib import Path

import pytest

from tests.dialogues.hooks import NETWORK, with_hooks
from tests.dialogues.smtp import plain

ZONE = {
    "mx.example": {"MX": ["10 host.mx.example."]},
    "host.mx.example": {"A": ["192.0.2.1"]},
    "address.example": {"AAAA": ["2001:db8::1"]},
    "null.example": {"MX": ["0 ."]},
    "text.example": {"TXT": ['"nothing else"']},
    "inner.example": {"MX": ["10 host.mx.example.", "20 gone.example.", "30 inner-host.example."]},
    "inner-host.example": {"A": ["192.0.2.2", "10.1.2.3"]},
    "six.example": {"AAAA": ["fd00::25"]},
    "broken-mx.example": {"MX": ["10 failing.example."]},
    "client.example": {"A": ["192.0.2.9"]},
    "1.0.0.127.in-addr.arpa": {"PTR": ["other.example.", "Client.example."]},
}
FAILING = ("failing.example",)
SILENT = ("silent.example",)


def handler(name: str, parameters: str = "") -> str:
    return f'<handler class="org.apache.james.smtpserver.fastfail.{name}">{parameters}</handler>'


async def test_the_senders_domain_must_be_able_to_take_mail(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, handler("ValidSenderDomainHandler"), ZONE, failing=FAILING) as (c, _):
        for sender, answer in {
            "ann@mx.example": "250 2.1.0",
            "ann@address.example": "250 2.1.0",
            "": "250 2.1.0",
            "ann@[192.0.2.1]": "250 2.1.0",
            "ann@unknown.example": "501 5.1.7 The sender's domain unknown.example has no MX record and no address",
            "ann@text.example": "501 5.1.7",
            "ann@null.example": "550 5.7.27 The sender's domain null.example takes no mail",
            "ann@failing.example": "451 4.4.3 Temporarily rejected: the sender's domain failing.example",
        }.items():
            await c.client(f"MAIL FROM:<{sender}>", "RSET")
            await c.server(answer, "250 2.0.0")


@pytest.mark.parametrize(
    "name", ["ValidSenderDomainHandler", "ResolvableEhloHeloHandler", "ReverseEqualsEhloHeloHandler"]
)
async def test_dns_that_does_not_answer_in_time_means_later(tmp_path: Path, name: str) -> None:
    silent = [*SILENT, "1.0.0.127.in-addr.arpa"]
    parameters = "<timeout>50 ms</timeout>"
    async with with_hooks(tmp_path, handler(name, parameters), ZONE, silent=silent, helo="silent.example") as (c, _):
        await c.client("MAIL FROM:<ann@silent.example>")
        await c.server("451 4.4.3 Temporarily rejected")


@pytest.mark.parametrize("elements", [NETWORK, ""])
async def test_who_may_relay_is_spared_the_checks(tmp_path: Path, elements: str) -> None:
    names = ("ValidSenderDomainHandler", "ResolvableEhloHeloHandler", "ReverseEqualsEhloHeloHandler")
    handlers = "".join(map(handler, names))
    async with with_hooks(tmp_path, handlers, elements=elements, helo="gone.example") as (c, names_asked):
        if not elements:
            await c.client(f"AUTH PLAIN {plain('bob@example.org')}")
            await c.server("235 ")
        await c.client("MAIL FROM:<ann@unknown.example>")
        await c.server("250 2.1.0")
        assert names_asked.questions == []


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ValidSenderDomainHandler", "501 5.1.7"),
        ("ResolvableEhloHeloHandler", "501 5.5.4"),
        ("ReverseEqualsEhloHeloHandler", "501 5.5.4"),
    ],
)
async def test_who_may_relay_is_checked_when_so_configured(tmp_path: Path, name: str, answer: str) -> None:
    handlers = handler(name, "<checkAuthNetworks>true</checkAuthNetworks>")
    async with with_hooks(tmp_path, handlers, elements=NETWORK, helo="gone.example") as (c, _):
        await c.client("MAIL FROM:<ann@unknown.example>")
        await c.server(answer)


async def test_a_recipient_whose_exchanger_is_in_a_refused_network_is_refused(tmp_path: Path) -> None:
    networks = "<invalidMXNetworks>127.0.0.0/8, 10.*</invalidMXNetworks><invalidMXNetworks>fd00::/8</invalidMXNetworks>"
    handlers = handler("ValidRcptMX", networks)
    async with with_hooks(tmp_path, handlers, ZONE, failing=FAILING, elements=NETWORK) as (c, names):
        await c.client("MAIL FROM:<ann@example.org>")
        await c.server("250 2.1.0")
        for recipient, answer in {
            "dan@inner.example": "530 5.7.1 Invalid MX 10.1.2.3 for domain inner.example. Reject email",
            "dan@six.example": "530 5.7.1 Invalid MX fd00::25",
            "dan@[127.0.0.1]": "530 5.7.1 Invalid MX 127.0.0.1",
            "dan@[192.0.2.1]": "250 2.1.5",
            "dan@mx.example": "250 2.1.5",
            "dan@null.example": "250 2.1.5",
            "dan@unknown.example": "250 2.1.5",
            "dan@failing.example": "451 4.4.3 Temporarily rejected: the domain failing.example can not be looked up",
            "dan@broken-mx.example": "451 4.4.3",
        }.items():
            await c.client(f"RCPT TO:<{recipient}>")
            await c.server(answer)
        asked = len(names.questions)
        await c.client("RCPT TO:<bob@example.org>")
        await c.server("250 2.1.5")
        assert len(names.questions) == asked, "a domain of the server's own is not looked up"


async def test_exchangers_are_not_looked_up_for_strangers(tmp_path: Path) -> None:
    async with with_hooks(
        tmp_path, handler("ValidRcptMX", "<invalidMXNetworks>10.0.0.0/8</invalidMXNetworks>"), ZONE
    ) as (c, names):
        await c.client("MAIL FROM:<ann@mx.example>", "RCPT TO:<dan@inner.example>")
        await c.server("250 2.1.0", "530 5.7.0 Authentication Required")
        assert names.questions == []


async def test_a_silent_name_server_delays_a_recipient_no_longer_than_the_limit(tmp_path: Path) -> None:
    parameters = "<invalidMXNetworks>10.0.0.0/8</invalidMXNetworks><timeout>50 ms</timeout>"
    async with with_hooks(tmp_path, handler("ValidRcptMX", parameters), silent=SILENT, elements=NETWORK) as (c, _):
        await c.client("MAIL FROM:<ann@example.org>", "RCPT TO:<dan@silent.example>")
        await c.server("250 2.1.0", "451 4.4.3")


async def test_the_name_given_at_helo_must_resolve(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, handler("ResolvableEhloHeloHandler"), ZONE, failing=FAILING) as (c, _):
        for name, answer in {
            "client.example": "250 2.1.0",
            "address.example": "250 2.1.0",
            "[127.0.0.1]": "250 2.1.0",
            "[IPv6:2001:db8::1]": "250 2.1.0",
            "[ipv6:2001:DB8::1]": "250 2.1.0",
            "unknown.example": "501 5.5.4 Provided EHLO/HELO unknown.example can not resolved.",
            "text.example": "501 5.5.4",
            "failing.example": "451 4.4.3 Temporarily rejected: EHLO/HELO failing.example can not be looked up",
        }.items():
            await c.client(f"EHLO {name}")
            await c.until("250 ")
            await c.client("MAIL FROM:<ann@mx.example>", "RSET")
            await c.server(answer, "250 2.0.0")


async def test_the_name_given_at_helo_must_be_the_clients_in_reverse_dns(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, handler("ReverseEqualsEhloHeloHandler"), ZONE) as (c, _):
        for name, answer in {
            "client.example": "250 2.1.0",
            "OTHER.example.": "250 2.1.0",
            "mx.example": "501 5.5.4 Provided EHLO/HELO mx.example not equal reverse of connecting host.",
            "[127.0.0.1]": "501 5.5.4",
        }.items():
            await c.client(f"EHLO {name}")
            await c.until("250 ")
            await c.client("MAIL FROM:<ann@mx.example>", "RSET")
            await c.server(answer, "250 2.0.0")


async def test_a_client_without_a_name_in_reverse_dns_is_refused(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, handler("ReverseEqualsEhloHeloHandler")) as (c, _):
        await c.client("MAIL FROM:<ann@mx.example>")
        await c.server("501 5.5.4")
