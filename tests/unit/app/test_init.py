"""`compostela init`: from nothing to a server for a domain."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compostela.app.cli import main
from compostela.app.configuration.sample import default_folder, sample_folder


def run(folder: Path, *arguments: str) -> Result:
    places = ["--conf", str(folder / "conf"), "--data", str(folder / "data")]
    return CliRunner().invoke(main, [*arguments, *places])


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


def test_a_configuration_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    assert run(tmp_path, "init", "example.org").exit_code == 0
    before = (tmp_path / "conf" / "dkim.pem").read_bytes()
    done = run(tmp_path, "init", "example.net")
    assert (done.exit_code, "is not empty" in done.output) == (1, True)
    assert (tmp_path / "conf" / "dkim.pem").read_bytes() == before


def test_without_a_folder_the_sample_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_folder() == sample_folder()
    assert (sample_folder() / "smtpserver.xml").is_file()


def test_a_log_level_that_there_is_not_is_one_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", "--log-level", "lots")
    assert (done.exit_code, "there is no level 'lots'" in done.output) == (64, True)
