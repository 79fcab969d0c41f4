"""Users are renamed and removed with their data, seen by clients."""

import contextlib
import imaplib
import json
from pathlib import Path

import pytest

from tests.end_to_end.mailbox import fetch_all, session
from tests.end_to_end.tasks import call
from tests.server_process import ServerProcess


def test_a_new_user_of_a_removed_ones_name_sees_nothing_old(server: ServerProcess, user: str, tmp_path: Path) -> None:
    script = tmp_path / "one.sieve"
    script.write_text("keep;")
    server.command("sieve", "put", user, "one", str(script))
    server.command("sieve", "activate", user, "one")
    server.command("send", "--to", user, "--port", str(server.smtp))
    assert len(fetch_all(server, user)) == 1
    about = json.loads(server.command("user", "remove", user, "--delete-data", "--yes", "--json"))
    assert set(about["status"].values()) == {"DONE"}
    assert user not in server.command("user", "list").split()
    server.add_user(user)
    assert "has no script" in server.command("sieve", "list", user)
    with session(server, user) as imap:
        assert imap.select("INBOX") == ("OK", [b"0"])
        assert imap.list()[1] != [None]


def test_a_client_of_a_removed_user_leaves_nothing_to_a_new_one_and_sees_nothing_of_him(
    server: ServerProcess, user: str
) -> None:
    """Both clients were logged in before; the one idles."""
    busy, idle = (imaplib.IMAP4("127.0.0.1", server.imap, timeout=30) for _ in range(2))
    with contextlib.closing(busy.socket()), contextlib.closing(idle.socket()):
        for client in (busy, idle):
            client.login(user, "secret")
        idle.send(b"a1 IDLE\r\n")
        assert idle.readline().startswith(b"+")
        server.command("user", "remove", user, "--delete-data", "--yes")
        server.add_user(user)
        assert idle.readline() == b"* BYE The account is removed.\r\n"
        assert idle.readline() == b""
        with pytest.raises(imaplib.IMAP4.abort):
            busy.create("Secret")
    with session(server, user) as imap:
        assert "Secret" not in str(imap.list())


def test_what_is_left_of_a_removed_user_is_deleted_later(server: ServerProcess, user: str) -> None:
    """Also after a deletion that failed in the middle: the account goes first."""
    server.command("send", "--to", user, "--port", str(server.smtp))
    assert len(fetch_all(server, user)) == 1
    server.command("user", "remove", user, "--yes")
    assert "removed with all data" in server.command("user", "remove", user, "--delete-data", "--force", "--yes")
    server.add_user(user)
    with session(server, user) as imap:
        assert imap.select("INBOX") == ("OK", [b"0"])


def test_a_name_is_not_given_away_while_a_deletion_that_ended_early_has_left_something(
    server: ServerProcess, user: str
) -> None:
    server.command("send", "--to", user, "--port", str(server.smtp))
    assert len(fetch_all(server, user)) == 1
    task = call(server, "POST", f"/users/{user}?action=deleteData&removeUser=true")["taskId"]
    server.command("task", "cancel", task)
    assert call(server, "GET", f"/tasks/{task}/await?timeout=60s")["status"] == "canceled"
    with pytest.raises(AssertionError, match="ended early"):
        server.add_user(user)
    server.command("user", "remove", user, "--delete-data", "--force", "--yes")
    server.add_user(user)
    with session(server, user) as imap:
        assert imap.select("INBOX") == ("OK", [b"0"])


def test_mail_of_a_renamed_user_is_the_new_ones(server: ServerProcess, user: str) -> None:
    server.command("send", "--to", user, "--port", str(server.smtp))
    assert len(fetch_all(server, user)) == 1
    new = f"renamed-{user}"
    server.add_user(new)
    assert new in server.command("user", "rename", user, new)
    assert len(fetch_all(server, new)) == 1
    server.command("send", "--to", user, "--port", str(server.smtp))
    assert len(fetch_all(server, new, count=2)) == 2


@pytest.mark.parametrize(
    "path",
    [
        "/users/nobody@example.org?action=deleteData", "/users/{user}?action=deleteData&fromStep=unknown", "/users/{user}",
        "/users/{user}/rename/{user}?action=rename", "/users/{user}/rename/nobody@example.org?action=rename",
        "/users/nobody@example.org/rename/{user}?action=rename", "/domains/unknown.example?action=deleteData",
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_400(server: ServerProcess, user: str, path: str) -> None:
    with pytest.raises(Exception, match="400"):
        call(server, "POST", path.format(user=user))
