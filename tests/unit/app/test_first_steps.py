"""What the first start says to try."""

from pathlib import Path

import pytest

from compostela.app.configuration.folder import load
from compostela.app.first_start import DamagedToken, FirstUser, administration_token, first_steps, program
from compostela.base.settings import Problems
from compostela.model.username import Username
from tests.unit.app.folders import write_folder

FIRST = FirstUser(Username.parse("user@example.org"), "word")


@pytest.mark.parametrize(
    ("bind", "tls", "send", "read"),
    [
        ("127.0.0.1", "", "--port 7", "curl -k --ssl-reqd --user 'user@example.org:word' 'imap://127.0.0.1:8/INBOX"),
        ("0.0.0.0", "", "--port 7", "'imap://127.0.0.1:8/"),
        ("192.0.2.1", "", "--host 192.0.2.1 --port 7", "'imap://192.0.2.1:8/"),
        ("[::]", "", "--host ::1 --port 7", "'imap://[::1]:8/"),
        ("127.0.0.1", "socketTLS", "--port 7 --tls", "curl -k --user 'user@example.org:word' 'imaps://127.0.0.1:8/"),
    ],
)
def test_they_lead_where_the_servers_listen(tmp_path: Path, bind: str, tls: str, send: str, read: str) -> None:
    block = (
        f'<tls {tls}="true"><privateKey>key.pem</privateKey><certificates>key.pem</certificates></tls>' if tls else ""
    )
    servers = {
        f"{name}server_xml": (
            f"<{name}servers><{name}server><jmxName>{name}</jmxName><bind>{bind}:2{port}</bind>{block}"
            f"</{name}server></{name}servers>"
        )
        for name, port in (("smtp", 7), ("imap", 8))
    }
    write_folder(tmp_path / "conf", tmp_path / "data", **servers)
    configuration = load(tmp_path / "conf", tmp_path / "data", Problems())
    steps = first_steps(configuration, {"smtp": 7, "imap": 8}, FIRST)
    assert steps[0] == f"  send a mail:  compostela send --to user@example.org {send}"
    assert read in steps[1]


@pytest.mark.parametrize(
    ("called", "path", "shown"),
    [
        ("{folder}/.venv/bin/compostela", "", ".venv/bin/compostela"),
        (".venv/bin/compostela", "", ".venv/bin/compostela"),
        ("/elsewhere/bin/compostela", "", "/elsewhere/bin/compostela"),
        ("{folder}/.venv/bin/compostela", "{folder}/.venv/bin", "compostela"),
        ("/usr/bin/pytest", "", "compostela"),
    ],
)
def test_the_program_is_named_as_a_shell_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str, path: str, shown: str
) -> None:
    script = tmp_path / ".venv" / "bin" / "compostela"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [called.format(folder=tmp_path)])
    monkeypatch.setenv("PATH", path.format(folder=tmp_path))
    assert program() == shown


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 32, b"two words " * 4])
def test_a_damaged_token_file_is_an_error_and_not_a_weak_token(tmp_path: Path, content: bytes) -> None:
    token = administration_token(tmp_path)
    assert administration_token(tmp_path) == token
    (tmp_path / "webadmin.token").write_bytes(content)
    with pytest.raises(DamagedToken, match="remove the file"):
        administration_token(tmp_path)
