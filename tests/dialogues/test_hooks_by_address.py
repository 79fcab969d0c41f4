"""Hooks that judge a client by its address, with addresses that a load balancer gives; and the examples of the operators'
pages, which a configuration may hold as they are."""

import re
from pathlib import Path

import pytest

from compostela.app.checking import check
from compostela.base.settings import Problems, Severity
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.name_server import name_server
from compostela.testing.server import running

PROXY = "<proxyRequired>true</proxyRequired>"
TRAP = '<handler class="SpamTrapHandler"><spamTrapRecip>ann@example.org</spamTrapRecip></handler>'
RBL = '<handler class="DNSRBLHandler"><rblservers><blacklist>bl.example.</blacklist></rblservers></handler>'
PAGES = sorted((Path(__file__).parents[2] / "docs" / "operators").glob("*.md"))


async def offer(c: Conversation, address: str, recipient: str) -> str:
    """The answer to a recipient from this address."""
    family = "TCP6" if ":" in address else "TCP4"
    here = "::1" if ":" in address else "10.0.0.1"
    await c.client(f"PROXY {family} {address} {here} 4711 25")
    await c.server("220 ")
    await c.client("HELO client.example", "MAIL FROM:<ann@a.example>", f"RCPT TO:<{recipient}>")
    await c.server("250 ", "250 2.1.0")
    return await c.line()


async def test_only_who_wrote_to_a_trap_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, elements=PROXY, handlers=TRAP) as server:
        for address, recipient, answer in [
            ("192.0.2.1", "bob@example.org", "250 2.1.5"),
            ("192.0.2.1", "ann@example.org", "554 5.7.1"),
            ("192.0.2.1", "bob@example.org", "554 5.7.1"),
            ("192.0.2.2", "bob@example.org", "250 2.1.5"),
            ("2001:db8::1", "ann@example.org", "554 5.7.1"),
            ("2001:db8::1", "bob@example.org", "554 5.7.1"),
        ]:
            async with conversation(server.ports["smtp"]) as c:
                assert (await offer(c, address, recipient)).startswith(answer)


async def test_a_client_with_an_ipv6_address_is_looked_up_by_nibbles(tmp_path: Path) -> None:
    name = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example"
    async with (
        name_server({name: {"A": ["127.0.0.2"]}}) as names,
        running(tmp_path, elements=PROXY, handlers=RBL, dns=names.address) as server,
    ):
        async with conversation(server.ports["smtp"]) as c:
            assert (await offer(c, "2001:db8::1", "bob@example.org")).startswith("554 5.7.1")
        async with conversation(server.ports["smtp"]) as c:
            assert (await offer(c, "2001:db8::2", "bob@example.org")).startswith("250 2.1.5")


EXAMPLES = [
    example
    for page in PAGES
    for example in re.findall(r"^    <handler .*?(?:/>|^    </handler>)$", page.read_text(), re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.partition('class="')[2].partition('"')[0])
async def test_an_example_of_the_operators_pages_is_a_configuration(tmp_path: Path, example: str) -> None:
    chain = f"<smtpservers><smtpserver><handlerchain>{example}</handlerchain></smtpserver></smtpservers>"
    (tmp_path / "smtpserver.xml").write_text(chain)
    (tmp_path / "crowdsec.properties").write_text(
        "crowdsecUrl=http://127.0.0.1:8080/v1\napiKey=x\ntimeout=500ms\ncacheTime=30s\n"
    )
    problems = Problems()
    await check(tmp_path, tmp_path / "data", problems)
    assert not problems.of(Severity.ERROR)
    assert not [one for one in problems.of(Severity.NOT_YET) if "handler" in one.message]
