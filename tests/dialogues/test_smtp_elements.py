"""The elements of `smtpserver`, at the wire: each with its spellings, several servers of one file side by side."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.app.configuration.folder import load
from compostela.base.settings import Node, Place, Problems, Settings, Severity
from compostela.net.host_addresses import system_addresses
from compostela.smtp_hooks.lifespan import MaxConnectionLifespanHandler
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import Server, running
from tests.dialogues.server_elements import problems_of

NAME = '<helloName autodetect="false">mail.example.org</helloName>'
OPEN = "<auth><announce>always</announce><requireSSL>false</requireSSL></auth>"
LIFESPAN = (
    '<handler class="org.apache.james.smtpserver.netty.MaxConnectionLifespanHandler"><duration>{}</duration></handler>'
)
NO_AUTH = '<handlerchain coreHandlersPackage="org.apache.james.smtpserver.NoAuthCmdHandlerLoader"/>'
NETWORKS = {
    "star": "127.*",
    "two-stars": "127.0.*.*",
    "length": "127.0.0.0/8",
    "mask": "127.0.0.0/255.0.0.0",
    "localhost": "localhost/8",
    "address": "127.0.0.1",
    "list": "10.0.0.0/8, 192.0.2.1 127.0.0.1/32",
    "name": "localhost",
}
OTHERS = {"foreign": "10.0.0.0/8, 128.*, 127.0.0.2", "ipv6-only": "::1, 2001:db8::/32"}
SERVERS = {
    **{name: f"<authorizedAddresses>{text}</authorizedAddresses>" for name, text in {**NETWORKS, **OTHERS}.items()},
    "ipv6": "<bind>[::1]:0</bind><authorizedAddresses>::1/128</authorizedAddresses>",
    "never": "<auth><announce>never</announce><requireSSL>false</requireSSL></auth>",
    "always": "<auth><announce>ALWAYS</announce><requireSSL>false</requireSSL></auth><authorizedAddresses>127.*</authorizedAddresses>",
    "unauthorized": "<auth><announce>forunauthorizedaddresses</announce><requireSSL>false</requireSSL></auth>",
    "unauthorized-here": "<auth><announce>forUnauthorizedAddresses</announce><requireSSL>false</requireSSL></auth>"
    "<authorizedAddresses>127.*</authorizedAddresses>",
    "required": "<auth><announce>always</announce><required>true</required><requireSSL>false</requireSSL></auth>",
    "required-elsewhere": "<auth><required>true</required></auth><authorizedAddresses>127.*</authorizedAddresses>",
    "ssl": "<auth><announce>always</announce></auth>",
    "no-plain": "<auth><announce>always</announce><requireSSL>false</requireSSL><plainAuthEnabled>false</plainAuthEnabled></auth>",
    "no-auth-package": f"{OPEN}{NO_AUTH}",
    "no-auth-required": f"<auth><required>true</required></auth>{NO_AUTH}",
    "newer-wins": "<auth><announce>never</announce><requireSSL>false</requireSSL></auth>"
    "<handlerchain><authRequired>announce</authRequired></handlerchain>",
    "identity-default": OPEN,
    **{f"identity-{word}": f"{OPEN}<verifyIdentity>{word}</verifyIdentity>"
       for word in ("true", "strict", "relaxed", "false", "disabled")},
    "size-bare": "<maxmessagesize>2</maxmessagesize>",
    "size-k": "<maxmessagesize>3K</maxmessagesize>",
    "size-m": "<maxmessagesize>4 MiB</maxmessagesize>",
    "size-b": "<maxmessagesize>5000B</maxmessagesize>",
    "size-none": "<maxmessagesize>0</maxmessagesize>",
    "lines": "<maxLineLength>1000</maxLineLength>",
    "no-helo": "<heloEhloEnforcement>false</heloEhloEnforcement>",
    "no-brackets": "<addressBracketsEnforcement>false</addressBracketsEnforcement>",
    "greeting": "<smtpGreeting>come in</smtpGreeting>",
    "greeting-of-lines": "<smtpGreeting>come in\n   and find out</smtpGreeting>",
    "features-listed": "<disabledFeatures>8bitmime, PIPELINING</disabledFeatures>",
    "features": "<disabledFeatures><feature>8BITMIME</feature><feature>pipelining</feature></disabledFeatures>",
    "short-lived": f"<handlerchain>{LIFESPAN.format('300 ms')}</handlerchain>",
    "checked": '<handlerchain><handler class="ValidRcptHandler"/></handlerchain>',
    "unchecked": "<handlerchain/>",
}  # fmt: skip
MAIL, RELAY = "MAIL FROM:<a@foreign.example>", "RCPT TO:<x@elsewhere.example>"


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Server]:
    inside = "".join(
        f"<smtpserver><jmxName>{name}</jmxName>{'' if '<bind>' in text else '<bind>127.0.0.1:0</bind>'}{NAME}{text}</smtpserver>"
        for name, text in SERVERS.items()
    )
    off = '<smtpserver enabled="false"><jmxName>off</jmxName><bind>127.0.0.1:1</bind></smtpserver>'
    async with running(folder, files={"smtpserver.xml": f"<smtpservers>{off}{inside}</smtpservers>"}) as server:
        yield server


@contextlib.asynccontextmanager
async def greeted(server: Server, name: str, helo: str = "client.example") -> AsyncIterator[tuple[Conversation, str]]:
    """A conversation after EHLO, and the lines of its reply as one text."""
    async with conversation(server.ports[name], "::1" if name == "ipv6" else "127.0.0.1") as c:
        await c.server("220 ")
        await c.client(f"EHLO {helo}")
        yield c, "\n".join(line[4:] for line in await c.until("250 "))


async def answers(server: Server, name: str, *commands: str, helo: str = "client.example") -> str:
    """The answer to the last of the commands; those before are accepted."""
    async with greeted(server, name, helo) as (c, _):
        await c.client(*commands)
        await c.server(*["2"] * (len(commands) - 1))
        return await c.line()


async def test_the_elements_of_smtp_servers(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert set(server.ports) == {*SERVERS, "imap"}  # a server that is not enabled takes no port
        await authorized_addresses(server)
        await announcements(server)
        await requirements(server)
        await identities(server)
        await sizes(server)
        await forms(server)
        await chains(server)
        await lifespan(server)


async def authorized_addresses(server: Server) -> None:
    for name in [*NETWORKS, "ipv6"]:
        assert (await answers(server, name, MAIL, RELAY)).startswith("250 2.1.5"), name
    for name in OTHERS:
        assert (await answers(server, name, MAIL, RELAY)).startswith("550 5.7.1"), name


async def announcements(server: Server) -> None:
    announced = {"never": False, "newer-wins": False, "always": True, "unauthorized": True, "unauthorized-here": False}
    for name, shown in announced.items():
        async with greeted(server, name) as (c, features):
            assert ("AUTH " in features and "AUTH=" in features) is shown, name
            # announced or not, it is there
            await c.client("AUTH PLAIN *")
            await c.server("501 5.7.1")
    for name in ("ssl", "no-plain", "no-auth-package"):
        async with greeted(server, name) as (c, features):
            assert "AUTH" not in features, name
            await c.client("AUTH PLAIN *")
            assert (await c.line())[:9] in ("504 5.5.4", "500 5.5.1", "538 5.7.1"), name


async def requirements(server: Server) -> None:
    assert (await answers(server, "required", MAIL)).startswith("530 5.7.0 Authentication Required")
    assert (await answers(server, "required", "AUTH PLAIN AGJvYkBleGFtcGxlLm9yZwBzZWNyZXQ=", "MAIL FROM:<bob@example.org>")
            ).startswith("250 2.1.0")  # fmt: skip
    for name in ("required-elsewhere", "no-auth-required"):
        assert (await answers(server, name, MAIL)).startswith("250 2.1.0")


async def identities(server: Server) -> None:
    """An unauthenticated client with a sender of ours, from a server's name and from a bare one."""
    sender = "MAIL FROM:<bob@example.org>"
    for word, dotted, bare in (
        ("default", "530", "530"), ("true", "530", "530"), ("strict", "530", "530"), ("relaxed", "250", "530"),
        ("false", "250", "250"), ("disabled", "250", "250"),
    ):  # fmt: skip
        assert (await answers(server, f"identity-{word}", sender))[:3] == dotted, word
        assert (await answers(server, f"identity-{word}", sender, helo="laptop"))[:3] == bare, word


async def sizes(server: Server) -> None:
    for name, size in {"bare": 2048, "k": 3072, "m": 4 * 1024**2, "b": 5000}.items():
        async with greeted(server, f"size-{name}") as (c, features):
            assert f"SIZE {size}" in features.splitlines()
            await c.client(f"{MAIL} SIZE={size + 1}", f"{MAIL} SIZE={size}")
            await c.server("552 5.3.4", "250 2.1.0")
    for name in ("none", "lines"):
        async with greeted(server, "size-none" if name == "none" else name) as (c, features):
            assert "SIZE " not in features
            await c.client(f"{MAIL} SIZE={10**12}")
            assert (await c.line())[:3] in ("250", "452")  # by the room on the disk


async def forms(server: Server) -> None:
    line = f"NOOP {'x' * 2000}"
    async with greeted(server, "lines") as (c, _):
        await c.client(line[:900], line, "NOOP")
        await c.server("250 ", "500 5.5.2 Line length exceeded", "250 ")
    async with greeted(server, "checked") as (c, _):
        await c.client(line)
        await c.server("250 ")
    async with conversation(server.ports["no-helo"]) as c:
        await c.client(MAIL)
        await c.server("220 ", "250 2.1.0")
    async with conversation(server.ports["checked"]) as c:
        await c.client(MAIL)
        await c.server("220 ", "503 5.5.0 Need HELO or EHLO before MAIL")
    assert (await answers(server, "no-brackets", "MAIL FROM:a@b.example", "RCPT TO:bob@example.org"))[:9] == "250 2.1.5"
    assert (await answers(server, "checked", "MAIL FROM:a@b.example"))[:9] == "501 5.1.7"
    async with conversation(server.ports["greeting"]) as c:
        assert await c.line() == "220 come in"
    async with conversation(server.ports["greeting-of-lines"]) as c:
        assert await c.line() == "220 come in and find out"
    for name in ("features", "features-listed"):
        async with greeted(server, name) as (_, features):
            assert "8BITMIME" not in features
            assert "PIPELINING" not in features
            assert "ENHANCEDSTATUSCODES" in features


async def chains(server: Server) -> None:
    """Servers of one file have chains of their own."""
    assert (await answers(server, "checked", MAIL, "RCPT TO:<nobody@example.org>")).startswith("550 5.1.1")
    assert (await answers(server, "unchecked", MAIL, "RCPT TO:<nobody@example.org>")).startswith("250 2.1.5")


async def lifespan(server: Server) -> None:
    async with greeted(server, "short-lived") as (c, _):
        await c.client(MAIL, "RCPT TO:<bob@example.org>", "DATA")
        await c.server("250 ", "250 ", "354 ")
        await c.client("Subject: x")
        await c.server("421 4.4.2 Connection has lasted too long")
        await c.closed()


@pytest.mark.parametrize(
    ("element", "complaint"),
    [
        ("<auth><announce>sometimes</announce></auth>", "auth/announce: 'sometimes' is none of never, always"),
        ("<authRequired>maybe</authRequired>", "authRequired: 'maybe' is none of true, announce, false"),
        ("<verifyIdentity>loose</verifyIdentity>", "verifyIdentity: 'loose' is none of"),
        ("<maxmessagesize>-1</maxmessagesize>", "maxmessagesize: a size must not be negative"),
        ("<maxmessagesize>3 X</maxmessagesize>", "maxmessagesize: '3 X' has no known unit of size"),
        ("<maxLineLength>999</maxLineLength>", "maxLineLength: must be at least 1000"),
        ("<maxLineLength>1048577</maxLineLength>", "maxLineLength: must be at most 1048576"),
        ("<heloEhloEnforcement>maybe</heloEhloEnforcement>", "heloEhloEnforcement: 'maybe' is neither"),
        (
            "<addressBracketsEnforcement>maybe</addressBracketsEnforcement>",
            "addressBracketsEnforcement: 'maybe' is neither",
        ),
        ("<authorizedAddresses>127.0.0.1, 10.*.0.1</authorizedAddresses>", "authorizedAddresses: '10.*.0.1' is not"),
        ("<authorizedAddresses>10.0.0.256</authorizedAddresses>", "authorizedAddresses: '10.0.0.256' is not"),
        (
            "<authorizedAddresses>10.0.0.0/255.0.255.0</authorizedAddresses>",
            "authorizedAddresses: '10.0.0.0/255.0.255.0' is not",
        ),
        ("<authorizedAddresses>300.*</authorizedAddresses>", "authorizedAddresses: '300.*' is not"),
        ("<authorizedAddresses><address>10.0.0.1</address></authorizedAddresses>", "unknown 'address' in"),
        (
            '<handlerchain coreHandlersPackage="org.apache.james.smtpserver.NoAuthCmdHandlerLoadr"/>',
            "there is no 'org.apache.james.smtpserver.NoAuthCmdHandlerLoadr' here; did you mean 'NoAuthCmdHandlerLoader'?",
        ),
    ],
)
def test_wrong_values_are_errors(tmp_path: Path, element: str, complaint: str) -> None:
    text = f"<smtpservers><smtpserver>{element}<helloName/></smtpserver></smtpservers>"
    found = problems_of(tmp_path / "conf", text).of(Severity.ERROR)
    assert [one.message.startswith(complaint) for one in found] == [True], found


@pytest.mark.parametrize(
    ("elements", "warning"),
    [
        (
            f"<auth><required>true</required></auth>{NO_AUTH}",
            "required has no effect with NoAuthCmdHandlerLoader, which has no logins",
        ),
        (
            '<handlerchain><handler class="org.apache.james.smtpserver.NoAuthCmdHandlerLoader"/></handlerchain>',
            "NoAuthCmdHandlerLoader takes AUTH away only as the coreHandlersPackage of handlerchain",
        ),
        (
            "<proxyRequired>true</proxyRequired><authorizedAddresses>192.0.2.1</authorizedAddresses>",
            "authorizedAddresses: without proxyNetworks any client can claim one of these addresses, and send to anybody",
        ),
    ],
)
def test_what_has_another_effect_than_it_seems_is_told(tmp_path: Path, elements: str, warning: str) -> None:
    problems = problems_of(tmp_path / "conf", f"<smtpservers><smtpserver>{elements}</smtpserver></smtpservers>")
    assert [one.message for one in problems.of(Severity.WARNING)] == [warning]


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        ("0.0.0.0/0", ["0.0.0.0/0"]),
        ("*, ::/0", ["0.0.0.0/0", "::/0"]),
        ("0.0.0.0/1 128.0.0.0/1 192.0.2.1", ["0.0.0.0/0"]),
        ("2000::/3", ["2000::/3"]),
        ("10.0.0.0/8, 192.168.*, fd00::/8, fc00::/7, 2001:db8::/32, localhost/8, 44.*", []),
    ],
)
def test_networks_that_are_everybody_are_warned_of(tmp_path: Path, networks: str, told: list[str]) -> None:
    element = f"<authorizedAddresses>{networks}</authorizedAddresses>"
    text = f"<smtpservers><smtpserver>{element}<helloName/></smtpserver></smtpservers>"
    found = problems_of(tmp_path / "conf", text).of(Severity.WARNING)
    assert [one.message for one in found if "open relay" in one.message] == [
        f"authorizedAddresses: every client in {one} may send to anybody: this is an open relay" for one in told
    ]


def test_a_lifespan_needs_its_duration(tmp_path: Path) -> None:
    for text in ("", "0"):
        children = [Node("duration", Place("x"), text)]
        problems = Problems()
        MaxConnectionLifespanHandler(Settings(Node("handler", Place("x"), children=children), problems), None)  # type: ignore[arg-type]
        assert [one.message for one in problems.of(Severity.ERROR)] == [
            "MaxConnectionLifespanHandler needs a 'duration' above 0"
        ]


def test_without_a_file_there_is_no_server(tmp_path: Path) -> None:
    problems = Problems()
    configuration = load(tmp_path, tmp_path / "data", problems)
    assert configuration.smtp == [] or configuration.smtp == ()
    assert not problems.of(Severity.ERROR)


def test_this_machines_names_are_resolved() -> None:
    assert "127.0.0.1" in system_addresses("localhost")
    assert system_addresses("no such name") == []
