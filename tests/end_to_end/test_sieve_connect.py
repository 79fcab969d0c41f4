"""Debian's sieve-connect edits scripts by ManageSieve."""

import subprocess
from pathlib import Path

from tests.programs import needs
from tests.server_process import ServerProcess

SCRIPT = 'require "fileinto";\nif header :contains "subject" "x" { fileinto "X"; }\n'


def sieve_connect(
    server: ServerProcess, user: str, folder: Path, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    (folder / "password").write_text("secret\n")
    with (folder / "password").open() as password:
        return subprocess.run(
            [
                "sieve-connect", "--server", "localhost", "--port", str(server.managesieve), "-4", "--notlsverify",
                "--passwordfd", str(password.fileno()), "--user", user, "--authmech", "PLAIN", *arguments,
            ],
            pass_fds=[password.fileno()], cwd=folder, capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        )  # fmt: skip


@needs("sieve-connect")
def test_scripts_are_uploaded_listed_activated_fetched_and_deleted(
    server: ServerProcess, user: str, tmp_path: Path
) -> None:
    def connect(*arguments: str) -> str:
        done = sieve_connect(server, user, tmp_path, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (tmp_path / "mine.sieve").write_text(SCRIPT)
    connect("--upload", "--localsieve", "mine.sieve", "--remotesieve", "mine")
    connect("--activate", "--remotesieve", "mine")
    assert "mine" in connect("--list")
    connect("--download", "--localsieve", "back.sieve", "--remotesieve", "mine")
    assert (tmp_path / "back.sieve").read_bytes().replace(b"\r\n", b"\n") == SCRIPT.encode()
    connect("--deactivate")
    connect("--delete", "--remotesieve", "mine")
    assert "mine" not in connect("--list")


@needs("sieve-connect")
def test_a_faulty_script_is_refused(server: ServerProcess, user: str, tmp_path: Path) -> None:
    (tmp_path / "bad.sieve").write_text("nonsense;\n")
    done = sieve_connect(server, user, tmp_path, "--upload", "--localsieve", "bad.sieve", "--remotesieve", "bad")
    assert "Syntax Error" in done.stdout + done.stderr
