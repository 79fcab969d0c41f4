"""A directory server that knows no controls, and says of an entry that is not there that it is not there."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator

import pytest

from compostela.adapters.ldap.directory import LdapDirectory
from compostela.core.users.directory_settings import DirectorySettings
from compostela.model.username import Username
from compostela.testing.clock import FakeClock

BASE, PRINCIPAL = "ou=people,dc=example,dc=org", "cn=admin"
BOB = Username.parse("bob@example.org")
BIND, SEARCH = 0x60, 0x63
NO_SUCH_OBJECT = 32


def ber(tag: int, *parts: bytes) -> bytes:
    """An element with less than 128 octets (X.690 §8.1)."""
    content = b"".join(parts)
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


def result(tag: int, code: int) -> bytes:
    return ber(tag, ber(0x0A, bytes([code])), ber(0x04), ber(0x04))


class _Plain(socketserver.StreamRequestHandler):
    """Has bob alone, whatever it is asked (RFC 4511 §4.2, §4.5)."""

    def handle(self) -> None:
        while head := self.rfile.read(2):
            length = head[1]
            if length & 0x80:
                length = int.from_bytes(self.rfile.read(length & 0x7F))
            request = self.rfile.read(length)
            number, asked = request[: 2 + request[1]], request[2 + request[1] :]
            if asked[0] == BIND:
                answers = [result(0x61, 0 if PRINCIPAL.encode() in asked else NO_SUCH_OBJECT)]
            elif asked[0] == SEARCH:
                values = ber(0x31, ber(0x04, str(BOB).encode()))
                attributes = ber(0x30, ber(0x30, ber(0x04, b"mail"), values))
                entry = ber(0x64, ber(0x04, f"uid=bob,{BASE}".encode()), attributes)
                answers = [entry, result(0x65, 0)]
            else:
                return
            self.wfile.write(b"".join(ber(0x30, number, answer) for answer in answers))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def directory() -> Iterator[LdapDirectory]:
    with _Server(("127.0.0.1", 0), _Plain) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings = DirectorySettings(
            hosts=(f"ldap://127.0.0.1:{server.server_address[1]}",),
            principal=PRINCIPAL,
            credentials="secret",
            user_base=BASE,
            user_id_attribute="mail",
            user_object_class="person",
        )
        with contextlib.closing(LdapDirectory(settings, FakeClock())) as made:
            yield made
        server.shutdown()
        thread.join()


async def test_users_are_listed_without_pages(directory: LdapDirectory) -> None:
    assert [user async for batch in directory.names() for user in batch] == [BOB]


async def test_an_entry_that_is_gone_has_no_password(directory: LdapDirectory) -> None:
    assert await directory.authenticate(BOB, "secret") is None
