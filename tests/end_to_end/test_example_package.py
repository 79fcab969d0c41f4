"""The example package, built, installed and run as its author would."""

import os
import smtplib
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from tests.end_to_end.mailbox import fetch_all
from tests.programs import needs
from tests.server_process import ServerProcess

pytestmark = needs(package="hatchling")

PACKAGE = Path(__file__).parents[2] / "examples" / "package"
PLACE = '<mailet match="All" class="AddDeliveredToHeader"/>'
PAIR = f'<mailet match="MoreRecipientsThan={{least}}" class="CountRecipients"/>{PLACE}'


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is on the path of servers and commands that are started. Nothing is fetched."""
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, PACKAGE)
    (wheel,) = wheels.glob("compostela_recipients-1.0.0-*.whl")
    pip("install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH", "")))))


def server_with(folder: Path, least: str) -> ServerProcess:
    # not forked: a new interpreter finds what is installed
    server = ServerProcess(folder, is_forked=False)
    default = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
    assert PLACE in default
    (server.conf / "mailetcontainer.xml").write_text(default.replace(PLACE, PAIR.format(least=least)))
    return server


@pytest.mark.usefixtures("installed")
def test_mailet_and_matcher_run_by_their_names(tmp_path: Path) -> None:
    server = server_with(tmp_path / "server", "1")
    server.start()
    server.wait_for_web()
    users = [f"user{number}@example.org" for number in range(2)]
    for user in users:
        server.add_user(user)
    with smtplib.SMTP("127.0.0.1", server.smtp) as client:
        client.sendmail("a@foreign.example", users, b"Subject: two\r\n\r\nhello\r\n")
    with smtplib.SMTP("127.0.0.1", server.smtp) as client:
        client.sendmail("a@foreign.example", users[:1], b"Subject: one\r\n\r\nhello\r\n")
    mails = fetch_all(server, users[0], 2)
    assert sorted(b"X-Recipients: 2\r\n" in mail for mail in mails) == [False, True]
    assert server.stop() == 0


@pytest.mark.usefixtures("installed")
def test_a_wrong_condition_is_told_with_its_place(tmp_path: Path) -> None:
    server = server_with(tmp_path / "server", "many")
    told = server.command("check", "--conf", str(server.conf), check=False)
    assert "mailetcontainer.xml" in told
    assert "MoreRecipientsThan needs a number, not 'many'" in told
    assert "The configuration is wrong." in told


def test_without_the_package_its_names_are_unknown(tmp_path: Path) -> None:
    server = server_with(tmp_path / "server", "1")
    told = server.command("check", "--conf", str(server.conf), check=False)
    assert "CountRecipients" in told
    assert "The configuration is wrong." in told
