"""`compostela init`: from nothing to a server for a domain."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compostela.app.cli import main
from compostela.app.configuration.sample import default_folder, sample_folder


def run(folder: Path, *arguments: str) -> Result:
    places = ["--conf", str(folder / "conf"), "--data", str(folder / "data")]
    return CliRunner().invoke(main, [*arguments, *places])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `init` makes, to be copied: the search for an RSA key takes longer than all else."""
    folder = tmp_path_factory.mktemp("made")
    assert run(folder, "init", "example.org").exit_code == 0
    return folder


@pytest.fixture
def initialised(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_domain_gets_its_configuration_key_user_and_records(tmp_path: Path) -> None:
    done = run(tmp_path, "init", "example.org", "--user", "ann", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["user"] == "ann@example.org"
    records = {record["name"] for zone in document["dns"] for record in zone["records"]}
    assert "mail._domainkey.example.org" in records
    conf = tmp_path / "conf"
    assert (conf / "dkim.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    smtp = (conf / "smtpserver.xml").read_text()
    assert "<bind>0.0.0.0:25</bind>" in smtp
    assert smtp.count(">mail.example.org</helloName>") == 3
    assert "<bind>127.0.0.1:1024</bind>" in (conf / "lmtpserver.xml").read_text()
    assert "<postmaster>ann@example.org<" in (conf / "mailetcontainer.xml").read_text()
    checked = json.loads(run(tmp_path, "check", "--json").stdout)
    assert (checked["ok"], [one for one in checked["problems"] if one["severity"] in ("error", "warning")]) == (
        True,
        [],
    )


@pytest.mark.slow
@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_the_password_of_the_first_user_is_not_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, json_option: list[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    done = run(tmp_path, "init", "example.org", *json_option)
    file = tmp_path / "data" / "first-user"
    name, password = file.read_text().split()
    assert (name, file.stat().st_mode & 0o777) == ("postmaster@example.org", 0o600)
    assert password not in done.output
    assert str(file) in done.output


@pytest.mark.slow
def test_managesieve_is_reached_from_other_machines_as_the_other_servers_of_users(made: Path) -> None:
    assert "<bind>0.0.0.0:4190</bind>" in (made / "conf" / "managesieveserver.xml").read_text()


@pytest.mark.parametrize(
    ("text", "is_warned"),
    [
        ("host = 0.0.0.0\npassword.generate = false\n", True),
        ("host = 192.0.2.1\npassword.generate = false\n", True),
        ("host = 127.0.0.1\npassword.generate = false\n", False),
        ("host = ::1\npassword.generate = false\n", False),
        ("host = 0.0.0.0\n", False),
        ("host = 0.0.0.0\npassword = secret\npassword.generate = false\n", False),
    ],
)
def test_a_public_webadmin_without_a_password_is_warned_of(initialised: Path, text: str, is_warned: bool) -> None:
    (initialised / "conf" / "webadmin.properties").write_text(f"enabled = true\n{text}")
    problems = json.loads(run(initialised, "check", "--json").stdout)["problems"]
    assert any("asks for no password" in one["message"] for one in problems) is is_warned


def test_a_configuration_that_is_there_is_not_overwritten(initialised: Path) -> None:
    before = (initialised / "conf" / "dkim.pem").read_bytes()
    done = run(initialised, "init", "example.net")
    assert (done.exit_code, "is not empty" in done.output) == (1, True)
    assert (initialised / "conf" / "dkim.pem").read_bytes() == before


def test_without_a_folder_the_sample_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_folder() == sample_folder()
    assert (sample_folder() / "smtpserver.xml").is_file()


def test_a_log_level_that_there_is_not_is_one_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", "--log-level", "lots")
    assert (done.exit_code, "there is no level 'lots'" in done.output) == (64, True)
