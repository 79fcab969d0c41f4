"""The data folder as an operator sees it: its modes, and a start without its database."""

import os
import shutil
import smtplib
import stat
from pathlib import Path

import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from tests.server_process import ServerProcess

USER = "reader@example.org"


def _mail(size: int) -> bytes:
    line = b"%s\r\n" % os.urandom(30).hex().encode()
    return b"Subject: mail\r\n\r\n" + line * (size // len(line))


@pytest.fixture
def used(tmp_path: Path) -> ServerProcess:
    """A server that is not running, with a user and a mail whose body is a file; made with a umask that forbids nothing."""
    before = os.umask(0)
    try:
        server = ServerProcess(tmp_path / "server")
        server.start()
    finally:
        os.umask(before)
    server.wait_for_web()
    server.add_user(USER)
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        for size in (1_000, 600_000):
            smtp.sendmail("a@b.example", [USER], _mail(size))
    return server


def _wide(folder: Path) -> dict[str, str]:
    return {
        str(path): oct(mode)
        for path in (folder, *folder.rglob("*"))
        if (mode := stat.S_IMODE(path.lstat().st_mode)) & 0o077
    }


def test_no_file_can_be_read_by_others_whatever_the_umask(used: ServerProcess) -> None:
    names = {str(path.relative_to(used.data)) for path in used.data.rglob("*")}
    running = _wide(used.data)
    assert used.stop() == 0
    assert {DATABASE_NAME, f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm", "tls/key.pem", "webadmin.token"} <= names
    assert any(name.startswith("blobs/") and name.count("/") == 2 for name in names)
    assert (running, _wide(used.data)) == ({}, {})
    assert "open to others" not in used.log()


def test_a_folder_that_others_may_read_is_told_of(used: ServerProcess) -> None:
    assert used.stop() == 0
    used.data.chmod(0o755)
    checked = used.command("check", "--conf", str(used.conf), "--data", str(used.data))
    used.start()
    assert used.stop() == 0
    for said in (checked, used.log()):
        assert f"others than the server's user have rights to {used.data} (0755): run chmod -R go= {used.data}" in said


@pytest.mark.parametrize("loss", ["missing", "empty"])
def test_a_server_without_its_database_does_not_start(used: ServerProcess, loss: str) -> None:
    assert used.stop() == 0
    database = used.data / DATABASE_NAME
    shutil.move(database, used.folder / "backup")
    if loss == "empty":
        database.touch()
    bodies = set((used.data / "blobs").glob("*/*"))
    with pytest.raises(RuntimeError, match="put the database back from a backup"):
        used.start()
    assert used.process is not None
    assert used.process.wait() == 1
    assert "Traceback" not in used.log()
    assert "missing or empty" in used.command("check", "--conf", str(used.conf), "--data", str(used.data), check=False)
    assert set((used.data / "blobs").glob("*/*")) == bodies
    shutil.move(used.folder / "backup", database)
    used.start()
    used.wait_for_web()
    assert USER in used.command("user", "list", "--json")
    assert used.stop() == 0
