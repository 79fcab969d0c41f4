"""A short run of the random sessions; `python -m tests.consistency.run` plays long ones."""

import itertools
from collections.abc import Iterator

import pytest

from tests.consistency.responses import Broken, parse
from tests.consistency.run import play
from tests.consistency.session import Known
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("server"))
    process.start()
    process.wait_for_web()
    yield process
    assert process.stop() == 0


_numbers = itertools.count()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_sessions_on_the_same_mailboxes_agree_on_what_is_in_them(server: ServerProcess, seed: int) -> None:
    user = f"consistent{next(_numbers)}@example.org"
    server.add_user(user)
    assert await play([server.imap], user, sessions=6, steps=120, seed=seed) == 720


def test_the_reader_of_responses_takes_all_kinds_of_values() -> None:
    assert parse(b'1 FETCH (UID 7 FLAGS (\\Seen) BODY[HEADER.FIELDS (X-ID)] {3}\r\na)b X "q\\"s" N NIL)') == [
        "1", "FETCH", ["UID", "7", "FLAGS", ["\\Seen"], "BODY[HEADER.FIELDS (X-ID)]", b"a)b", "X", b'q"s', "N", None],
    ]  # fmt: skip
    with pytest.raises(Broken):
        parse(b"1 FETCH (UID 7")


def test_one_uid_has_one_content() -> None:
    known = Known()
    known.check("INBOX", 1, 7, b"one")
    known.check("INBOX", 2, 7, b"another")
    with pytest.raises(Broken):
        known.check("INBOX", 1, 7, b"another")
