"""The elements that all line protocols share, at the wire: addresses, names, limits, silence, back-pressure, the end."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.app.configuration.folder import load
from compostela.base.settings import Problems, Severity
from compostela.net import listeners
from compostela.net.connection import Connection
from compostela.net.listeners import Listener
from compostela.net.listening_sockets import ListeningSockets
from compostela.net.settings import BindAddress
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import BOB, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages
from tests.dialogues.server_elements import problems_of
from tests.dialogues.smtp import begin

NAMED = '<helloName autodetect="false">mail.example.org</helloName>'
CHAIN = '<handlerchain><handler class="ValidRcptHandler"/></handlerchain>'
SMTP = {
    "both": "<bind>127.0.0.1:0, [::1]:0</bind>" + NAMED,
    "detected": '<helloName autodetect="true">ignored.example</helloName>',
    "not-detected": '<helloName autodetect="false">mail.example.org</helloName>',
    "plain-name": "<helloName>mail.example.org</helloName>",
    "empty-name": "<helloName/>",
    "no-name": "",
    "silent": "<connectiontimeout>200 ms</connectiontimeout>" + NAMED,
    "silent-too": "<connectionTimeout>200 ms</connectionTimeout>" + NAMED,
    "patient": "<connectionTimeout>0</connectionTimeout>" + NAMED,
    "limited": "<connectionLimit>2</connectionLimit>" + NAMED,
    "limited-by-address": "<connectionLimitPerIP>1</connectionLimitPerIP>" + NAMED,
    "marked": "<highWriteBufferWaterMark>2K</highWriteBufferWaterMark>" + NAMED,
}
BIND = "<bind>127.0.0.1:0</bind>"
IMAP = f"""<imapservers><imapserver><jmxName>imap</jmxName>{BIND}{NAMED}<connectionLimit>1</connectionLimit></imapserver>
<imapserver enabled="false"><jmxName>off</jmxName>{BIND}{NAMED}</imapserver></imapservers>"""


def smtp_file(servers: dict[str, str], attributes: str = "") -> str:
    inside = "".join(
        f"<smtpserver {attributes}><jmxName>{name}</jmxName>{'' if '<bind>' in text else BIND}{text}{CHAIN}</smtpserver>"
        for name, text in servers.items()
    )
    return f"<smtpservers>{inside}</smtpservers>"


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Server]:
    async with running(folder, files={"smtpserver.xml": smtp_file(SMTP), "imapserver.xml": IMAP}) as server:
        yield server


def listener_of(server: Server, name: str) -> Listener:
    return next(one for one in server.under_test.listeners if one.settings.name == name)


def connection_of(server: Server, name: str) -> Connection:
    (connection,) = listener_of(server, name)._open
    assert isinstance(connection, Connection)
    return connection


async def test_the_elements_of_all_servers(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await bind_takes_a_list(server)
        await hello_name(server)
        await connection_timeout(server)
        await connection_limit(server)
        await connection_limit_per_ip(server)
        await water_marks_and_keep_alive(server)
        assert "off" not in server.ports


async def bind_takes_a_list(server: Server) -> None:
    first, second = listener_of(server, "both").ports
    for port, source in ((first, "127.0.0.1"), (second, "::1")):
        async with conversation(port, source) as c:
            await c.server("220 mail.example.org")
            await c.client("HELO client.example")
            await c.server(f"250 mail.example.org Hello client.example [{source}]")


async def hello_name(server: Server) -> None:
    here = socket.gethostname() or "localhost"
    for name, shown in {
        "detected": here, "not-detected": "mail.example.org", "plain-name": "mail.example.org", "empty-name": "localhost",
        "no-name": here,
    }.items():  # fmt: skip
        async with conversation(server.ports[name]) as c:
            await c.server(f"220 {shown} SMTP Server")
            await c.client("QUIT")
            await c.server(f"221 2.0.0 {shown} ")


async def connection_timeout(server: Server) -> None:
    for name in ("silent", "silent-too"):
        async with conversation(server.ports[name]) as c:
            await c.server("220 ", "421 4.4.2 Connection timed out")
            await c.closed()
    async with conversation(server.ports["silent"]) as c:
        # octets that never become a command are no sign of life
        await c.server("220 ")
        ending = asyncio.ensure_future(c.line())
        while not ending.done():
            await c.octets(b"x")
            await asyncio.wait([ending], timeout=0.02)
        assert ending.result().startswith("421 4.4.2")
    async with conversation(server.ports["patient"]) as c:
        await c.server("220 ")
        connection_of(server, "patient").check_idle(1e12)
        await c.client("NOOP")
        await c.server("250 ")


async def connection_limit(server: Server) -> None:
    port = server.ports["limited"]
    async with conversation(port) as one, conversation(port) as two:
        await one.server("220 ")
        await two.server("220 ")
        async with conversation(port) as c:
            await c.server("421 4.7.0 Too many connections")
            await c.closed()
        await one.client("QUIT")
        await one.server("221 ")
        await one.closed()
        async with conversation(port) as c:
            await c.server("220 ")
    async with conversation(server.ports["imap"]) as one:
        await one.server("* OK")
        async with conversation(server.ports["imap"]) as c:
            await c.server("* BYE Too many connections")
            await c.closed()


async def connection_limit_per_ip(server: Server) -> None:
    port = server.ports["limited-by-address"]
    async with conversation(port) as one, conversation(port, "127.0.0.2") as other:
        await one.server("220 ")
        await other.server("220 ")
        async with conversation(port) as c:
            await c.server("421 4.7.0 Too many connections")
            await c.closed()


async def water_marks_and_keep_alive(server: Server) -> None:
    async with conversation(server.ports["marked"]) as c:
        await c.server("220 ")
        transport = connection_of(server, "marked")._transport
        assert transport.get_write_buffer_limits() == (2048, 2048)
        assert transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        # far more answers than the marks: all of them come, in order
        await c.client(*["NOOP", "VRFY x"] * 2000)
        await c.server(*["250 ", "252 "] * 2000)


@pytest.mark.parametrize(
    ("element", "complaint"),
    [
        ("<connectionLimit>-1</connectionLimit>", "connectionLimit: must be at least 0"),
        ("<connectionLimitPerIP>-1</connectionLimitPerIP>", "connectionLimitPerIP: must be at least 0"),
        ("<connectionBacklog>-1</connectionBacklog>", "connectionBacklog: must be at least 0"),
        ("<connectiontimeout>-1</connectiontimeout>", "connectiontimeout: a duration must not be negative"),
        ("<bind>25</bind>", "bind: '25' is not address:port"),
        ("<bind>127.0.0.1:65536</bind>", "bind: '127.0.0.1:65536' is not address:port"),
        ("<bind>127.0.0.1:²</bind>", "bind: '127.0.0.1:²' is not address:port"),
        ("<bind>*:25</bind>", "bind: '*:25' is not address:port"),
        ("<bind>127.0.0.1:25 [::1]:25</bind>", "bind: '127.0.0.1:25 [::1]:25' is not address:port"),
        ("<connectionBacklog>2147483648</connectionBacklog>", "connectionBacklog: must be at most 2147483647"),
        ("<helloName>mail example</helloName>", "helloName: 'mail example' is not the name of a host"),
        ("<connectionLimit><total>5</total></connectionLimit>", "unknown 'total' in <connectionLimit>"),
        ("<connectionLimit unit='K'>5</connectionLimit>", "unknown attribute 'unit' of <connectionLimit>"),
        ("<gracefulShutdown>maybe</gracefulShutdown>", "gracefulShutdown: 'maybe' is neither true nor false"),
        ("<proxyRequired>maybe</proxyRequired>", "proxyRequired: 'maybe' is neither true nor false"),
        ("<proxyNetworks>10.0.0.0/33</proxyNetworks>", "proxyNetworks: '10.0.0.0/33' is not an address or a network"),
        (
            "<highWriteBufferWaterMark>1K</highWriteBufferWaterMark><lowWriteBufferWaterMark>2K</lowWriteBufferWaterMark>",
            "highWriteBufferWaterMark must not be below lowWriteBufferWaterMark",
        ),
        (
            "<conectionLimit>1</conectionLimit>",
            "unknown 'conectionLimit' in <smtpserver>; did you mean 'connectionLimit'?",
        ),
    ],
)
def test_wrong_values_are_errors_with_their_place(tmp_path: Path, element: str, complaint: str) -> None:
    found = problems_of(tmp_path / "conf", smtp_file({"smtp": f"\n{element}"})).of(Severity.ERROR)
    assert [one.message.startswith(complaint) for one in found] == [True], found
    assert str(found[0].place).endswith("smtpserver.xml:2")


def test_what_has_no_meaning_is_listed(tmp_path: Path) -> None:
    names = ("ioWorkerCount", "bossWorkerCount", "maxExecutorCount")
    elements = "".join(f"<{name}>2</{name}>" for name in names) + "<useEpoll>true</useEpoll>"
    chain = '<handlerchain enableJmx="false" jmxHandlersPackage="org.apache.james.smtpserver.jmx.JMXHandlersLoader">'
    smtp = smtp_file({"smtp": elements}).replace("<handlerchain>", chain)
    problems = problems_of(tmp_path / "conf", smtp)
    assert not problems.of(Severity.ERROR)
    listed = {one.message for one in problems.of(Severity.NO_EFFECT)}
    listed_names = (*names, "useEpoll", "enableJmx", "jmxHandlersPackage")
    assert {f"{name!r} has no effect here" for name in listed_names} <= listed


def test_a_text_that_nobody_asks_for_is_told(tmp_path: Path) -> None:
    tls = "<tls startTLS='false'><supportedProtocols>TLSv1.3</supportedProtocols></tls>"
    problems = problems_of(tmp_path / "conf", smtp_file({"smtp": f"{tls}--&gt;"}))
    assert [one.message for one in problems.of(Severity.WARNING)] == [
        "the text '-->' in <smtpserver> means nothing",
        "the text 'TLSv1.3' in <supportedProtocols> means nothing",
    ]


def test_servers_of_one_name_are_warned_of(tmp_path: Path) -> None:
    server = f"<smtpserver>{BIND}{CHAIN}</smtpserver>"
    problems = problems_of(tmp_path / "conf", f"<smtpservers>{server * 2}</smtpservers>")
    assert [one.message for one in problems.of(Severity.WARNING)] == [
        "several servers are called 'smtpserver': give each its own jmxName"
    ]


def test_two_servers_cannot_have_one_port(tmp_path: Path) -> None:
    servers = [f"<smtpserver><jmxName>{name}</jmxName><bind>{bind}</bind>{CHAIN}</smtpserver>"
               for name, bind in (("a", "127.0.0.1:2525, [::1]:2525"), ("b", "127.0.0.2:2525"), ("c", "[::1]:2525"),
                                  ("d", "[::]:2526, 0.0.0.0:2526"), ("e", "127.0.0.1:2526"), ("f", "[::]:2525"))]  # fmt: skip
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "lmtpserver.xml").write_text(
        "<lmtpservers><lmtpserver><bind>127.0.0.2:2525</bind></lmtpserver></lmtpservers>"
    )
    problems = problems_of(conf, f"<smtpservers>{''.join(servers)}</smtpservers>")
    assert [str(one) for one in problems.of(Severity.ERROR)] == [
        "lmtpserver.xml: 127.0.0.2:2525 of the server 'lmtpserver' is taken by 'b' already",
        "smtpserver.xml: [::1]:2525 of the server 'c' is taken by 'a' already",
        "smtpserver.xml: 127.0.0.1:2526 of the server 'e' is taken by 'd' already",
        "smtpserver.xml: [::]:2525 of the server 'f' is taken by 'a' already",
    ]


def test_an_absent_bind_is_every_interface_and_the_protocols_port(tmp_path: Path) -> None:
    (tmp_path / "smtpserver.xml").write_text("<smtpservers><smtpserver/></smtpservers>")
    (tmp_path / "imapserver.xml").write_text("<imapservers><imapserver><bind/></imapserver></imapservers>")
    configuration = load(tmp_path, tmp_path / "data", Problems())
    assert [str(bind) for one in configuration.smtp for bind in one.server.bind] == ["0.0.0.0:25"]
    assert [str(bind) for one in configuration.imap for bind in one.server.bind] == ["0.0.0.0:143"]


@pytest.mark.parametrize("name", ["connectBacklog", "connectionBacklog"])
def test_the_backlog_is_that_of_the_socket(tmp_path: Path, name: str) -> None:
    (tmp_path / "smtpserver.xml").write_text(smtp_file({"smtp": f"<{name}>7</{name}>"}))
    (smtp,) = load(tmp_path, tmp_path / "data", Problems()).smtp
    (bound,) = ListeningSockets().take("smtp", [BindAddress("127.0.0.1", 0)], smtp.server.backlog)
    with bound:
        # tcpi_sacked of struct tcp_info, which for a listening socket is its backlog
        assert struct.unpack_from("I", bound.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28) == (7,)


async def stop(server: Server) -> asyncio.Future[list[None]]:
    ending = asyncio.gather(*(listener.stop() for listener in server.under_test.listeners))
    await asyncio.sleep(0)
    return ending


async def test_the_end_waits_for_transactions_in_flight(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, contextlib.AsyncExitStack() as stack:

        async def open_one(name: str) -> Conversation:
            return await stack.enter_async_context(conversation(server.ports[name]))

        resting, sending, writing, imap = [await open_one(name) for name in ("both", "both", "both", "imap")]
        await resting.server("220 ")
        await imap.server("* OK")
        await begin(sending)
        await writing.server("220 ")
        await writing.client("HELO client.example", "MAIL FROM:<a@foreign.example>")
        await writing.server("250 ", "250 ")
        ending = await stop(server)
        await resting.server("421 4.3.2 Service closing transmission channel")
        await resting.closed()
        await imap.server("* BYE Server is shutting down.")
        await imap.closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.ports["both"])
        assert not ending.done()
        await sending.client("Subject: x", "", "text", ".")
        await sending.server("250 2.6.0", "421 4.3.2")
        await sending.closed()
        await writing.client("RCPT TO:<bob@example.org>", "DATA")
        await writing.server("250 2.1.5", "354 ")
        await writing.client("Subject: y", "", ".")
        await writing.server("250 2.6.0", "421 4.3.2")
        await ending
        await eventually(lambda: idle(server))
        assert len(await messages(server, BOB)) == 2


async def test_the_end_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "SHUTDOWN_SECONDS", 0.1)
    async with serving(tmp_path) as server, conversation(server.ports["both"]) as c:
        await begin(c)
        await (await stop(server))
        await c.server("421 4.3.2")
        await c.closed()


async def test_without_graceful_shutdown_the_end_comes_at_once(tmp_path: Path) -> None:
    servers = smtp_file({"smtp": f"<gracefulShutdown>false</gracefulShutdown>{NAMED}"})
    async with (
        running(tmp_path, files={"smtpserver.xml": servers}) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await begin(c)
        await (await stop(server))
        await c.server("421 4.3.2")
        await c.closed()
