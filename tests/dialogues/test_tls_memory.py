"""A connection that ends, however and whenever it does, leaves nothing in memory: no task, no transport, no TLS state.

The peers are blocking sockets, so that a test decides how far the server has come when a connection ends: `turns` of the event
loop after its last octet, from none (the server accepts a connection that is already closed) to more than a handshake takes.
"""

import asyncio
import contextlib
import gc
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from compostela.testing.server import BOB, PASSWORD
from compostela.testing.waiting import eventually
from tests.dialogues.tls_server import KEY, TlsServer, client_context, running

OF_CONNECTIONS = frozenset(
    [
        "Admission",
        "Connection",
        "SmtpServerSession",
        "LmtpServerSession",
        "ImapSession",
        "SSLProtocol",
        "SSLObject",
        "TCPTransport",
        "_SSLProtocolTransport",
    ]
)
TURNS = range(12)
HEADER = b"PROXY TCP4 192.0.2.9 10.0.0.1 4711 25\r\n"
PROXIED = "<proxyRequired>true</proxyRequired>"
IMPATIENT = "<connectiontimeout>1</connectiontimeout>"
NONSENSE = b"nonsense" * 10
MOST_TRIES = 20


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = client_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="mail.example.org")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


HELLO = client_hello()
BEGINNINGS = {"nothing": b"", "half a ClientHello": HELLO[:100], "a ClientHello": HELLO, "nonsense": NONSENSE}


# how a connection ends


def close(peer: socket.socket) -> None:
    """Under TLS without a word before."""
    peer.close()


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def say_no_more(peer: socket.socket) -> None:
    # the server may have given up already
    with contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_WR)


def stay(_: socket.socket) -> None:
    """The server's time limit ends the connection."""


def take_leave(peer: socket.socket) -> None:
    """By TLS's own close_notify."""
    assert isinstance(peer, ssl.SSLSocket)
    # what the server had to say to that is not read
    with contextlib.suppress(OSError):
        peer.unwrap()
    peer.close()


ENDS = (close, reset, say_no_more, stay)
End = Callable[[socket.socket], None]


# what is left


def living() -> Counter[str]:
    """What there is for connections. What only the garbage collector would find counts: it seldom comes by."""
    found = Counter(name for one in gc.get_objects() if (name := type(one).__name__) in OF_CONNECTIONS)
    found["Task"] = len(asyncio.all_tasks())
    return found


async def as_before(before: Counter[str]) -> bool | None:
    return True if living() <= before else None


async def all_is_given_back(server: TlsServer, before: Counter[str]) -> None:
    try:
        await eventually(lambda: as_before(before))
    except TimeoutError:
        pytest.fail(f"left in memory: {living() - before}")
    for listener in server.under_test.listeners:
        assert (listener._open, listener._waiting) == (set(), {})
    assert server.under_test._surroundings.connections._counts == {}


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("admission.HEADER_SECONDS", 0.5), ("tls.upgrade.HANDSHAKE_SECONDS", 0.5)):
        monkeypatch.setattr(f"compostela.net.{name}", seconds)


# the client


def connect(port: int) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port))
    peer.settimeout(10)
    return peer


def until_closed(peer: socket.socket) -> None:
    with peer, contextlib.suppress(ConnectionError, ssl.SSLError):
        while peer.recv(65536):
            pass


def read_answer(peer: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"\r\n"):
        octets = peer.recv(65536)
        if not octets:
            raise ConnectionAbortedError(f"the server closed after {answer!r}")
        answer += octets


def talk(peer: socket.socket, *lines: str) -> None:
    """Each line and its answer."""
    for line in lines:
        peer.sendall(f"{line}\r\n".encode())
        read_answer(peer)


def connect_and_ask_for_tls(port: int, starttls: str) -> socket.socket:
    peer = connect(port)
    read_answer(peer)
    talk(peer, starttls)
    return peer


async def end_at_every_moment(port: int, octets: bytes, end: End, *, starttls: str = "") -> None:
    """One connection for each number of turns."""
    peers = []
    for turns in TURNS:
        peer = await asyncio.to_thread(connect_and_ask_for_tls, port, starttls) if starttls else connect(port)
        peers.append(peer)
        if octets:
            peer.sendall(octets)
        for _ in range(turns):
            await asyncio.sleep(0)
        end(peer)
    if end in (say_no_more, stay):
        for peer in peers:
            await asyncio.to_thread(until_closed, peer)


# before and within the handshake


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("begun", BEGINNINGS)
async def test_a_connection_that_ends_before_its_handshake_frees_its_memory(
    tmp_path: Path, begun: str, end: End
) -> None:
    async with running(tmp_path, {"smtps": KEY}, {"imaps": KEY}, lmtp={"lmtps": KEY}) as server:
        before = living()
        for port in server.ports.values():
            await end_at_every_moment(port, BEGINNINGS[begun], end)
        await all_is_given_back(server, before)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("order", ["header first", "handshake first", "no TLS"])
async def test_a_connection_that_ends_around_its_proxy_header_frees_its_memory(
    tmp_path: Path, order: str, end: End
) -> None:
    elements = PROXIED + IMPATIENT + ("<proxyFirst>false</proxyFirst>" if order == "handshake first" else "")
    async with running(tmp_path, {"smtp" if order == "no TLS" else "smtps": KEY}, elements=elements) as server:
        before = living()
        (port,) = server.ports.values()
        for octets in (b"", HEADER[:12], b"PROXY nonsense\r\n", HEADER, HEADER + HELLO[:100], HEADER + NONSENSE):
            await end_at_every_moment(port, octets, end)
        await all_is_given_back(server, before)


STARTTLS = {"smtp": "STARTTLS", "lmtp": "STARTTLS", "imap": "a STARTTLS"}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("begun", BEGINNINGS)
async def test_a_connection_that_ends_around_starttls_frees_its_memory(tmp_path: Path, begun: str, end: End) -> None:
    async with running(tmp_path, {"smtp": KEY}, {"imap": KEY}, lmtp={"lmtp": KEY}) as server:
        before = living()
        for name, port in server.ports.items():
            await end_at_every_moment(port, BEGINNINGS[begun], end, starttls=STARTTLS[name])
        await all_is_given_back(server, before)


@pytest.mark.parametrize("end", ENDS)
async def test_a_client_that_asks_for_tls_and_waits_for_no_answer_frees_its_memory(tmp_path: Path, end: End) -> None:
    async with running(tmp_path, {"smtp": KEY}, {"imap": KEY}, IMPATIENT, {"lmtp": KEY}) as server:
        before = living()
        for name, port in server.ports.items():
            await end_at_every_moment(port, f"{STARTTLS[name]}\r\n".encode(), end)
        await all_is_given_back(server, before)


# after it

LOGIN = f"a LOGIN {BOB} {PASSWORD}"
MAIL = ("MAIL FROM:<a@example.org>", f"RCPT TO:<{BOB}>", "DATA")
LARGE = b"Subject: x\r\n\r\n" + b"a line of seventy octets or so, as they are in a mail of some length\r\n" * 10_000
DIALOGUES: dict[str, tuple[str, tuple[str, ...], bytes]] = {
    "greeted": ("smtp", (), b""),
    "half a command": ("smtp", ("EHLO client.example",), b"MAIL FR"),
    "small mail": ("smtp", ("EHLO client.example", *MAIL), b"Subject: x\r\n\r\nhel"),
    "large mail": ("smtp", ("EHLO client.example", *MAIL), LARGE),
    "mail to LMTP": ("lmtp", ("LHLO client.example", *MAIL), LARGE),
    "IMAP greeted": ("imap", (), b""),
    "IMAP half a command": ("imap", (LOGIN, "b SELECT INBOX"), b"c FETCH 1"),
    "AUTH": ("smtp", ("EHLO client.example", "AUTH LOGIN"), b"Ym9i"),
    "IMAP AUTHENTICATE": ("imap", ("a AUTHENTICATE PLAIN",), b"Ym9i"),
    "IMAP IDLE": ("imap", (LOGIN, "b SELECT INBOX", "c IDLE"), b""),
    "IMAP small APPEND": ("imap", (LOGIN, "b APPEND INBOX {700000}"), b"Subject: x\r\n\r\nhel"),
    "IMAP large APPEND": ("imap", (LOGIN, "b APPEND INBOX {7000000}"), LARGE),
    "IMAP answers unread": ("imap", (LOGIN, "b SELECT INBOX"), b"c STATUS INBOX (MESSAGES)\r\n" * 20_000),
}


def begin(port: int, tls: str, name: str, lines: Sequence[str]) -> socket.socket:
    """A connection in the middle of a dialogue."""
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(connect(port))
        if tls == "STARTTLS":
            read_answer(peer)
            talk(peer, STARTTLS[name])
        if tls:
            peer = stack.enter_context(client_context().wrap_socket(peer, server_hostname="mail.example.org"))
        if tls != "STARTTLS":
            read_answer(peer)
        talk(peer, *lines)
        stack.pop_all()
        return peer


def begun_at_last(start: Callable[[], socket.socket]) -> socket.socket:
    """On a busy machine the server's short patience may end within the dialogue: then it is begun again."""
    for _ in range(MOST_TRIES):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            return start()
    raise TimeoutError("the server closes every connection before its dialogue is in the middle")


@pytest.mark.parametrize("tls", ["", "from the start", "STARTTLS"])
@pytest.mark.parametrize("dialogue", DIALOGUES)
async def test_a_session_that_ends_in_the_middle_frees_its_memory(tmp_path: Path, dialogue: str, tls: str) -> None:
    protocol, lines, octets = DIALOGUES[dialogue]
    name = f"{protocol}s" if tls == "from the start" else protocol
    servers = {one: {name: KEY} if one == protocol else {} for one in ("smtp", "imap", "lmtp")}
    plain = "<auth><requireSSL>false</requireSSL></auth>" if protocol == "imap" else ""
    async with running(tmp_path, servers["smtp"], servers["imap"], plain + IMPATIENT, servers["lmtp"]) as server:
        await server.under_test.services.users.add(BOB, PASSWORD)
        files = open_files()
        before = living()

        def session(end: End) -> None:
            peer = begun_at_last(lambda: begin(server.ports[name], tls, name, lines))
            send_what_is_taken(peer, octets)
            end(peer)
            if end in (say_no_more, stay):
                until_closed(peer)

        for end in (*ENDS, take_leave) if tls else ENDS:
            await asyncio.to_thread(session, end)
        await all_is_given_back(server, before)
        assert open_files() == files


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def send_what_is_taken(peer: socket.socket, octets: bytes) -> None:
    """A server whose answers are not read reads no more."""
    peer.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        peer.sendall(octets)
    peer.settimeout(10)
