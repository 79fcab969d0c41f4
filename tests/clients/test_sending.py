"""Programs that send, by STARTTLS on the port of submission, with no mechanism set: what each of them chooses must work."""

import smtplib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.reading import run
from tests.clients.sample import HOST, PASSWORD, SampleServer
from tests.end_to_end.postfix import needs_postfix, running_postfix

TEXT = "Good day.\n"


@pytest.mark.runs("curl")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_curl(sample: SampleServer, make_user: Callable[[], str], tmp_path: Path, scheme: str) -> None:
    ann, bob = make_user(), make_user()
    message = tmp_path / "message"
    message.write_text(f"From: {ann}\nTo: {bob}\nSubject: from curl\n\n{TEXT}")
    port = sample.submission if scheme == "smtp" else sample.submissions
    login = ["--ssl-reqd", "--cacert", sample.certificate, "--user", f"{ann}:{PASSWORD}"]
    envelope = ["--mail-from", ann, "--mail-rcpt", bob, "--crlf", "--upload-file", message]
    run(["curl", "--silent", "--show-error", *login, *envelope, f"{scheme}://{HOST}:{port}/client.example"], tmp_path)
    assert sample.mechanisms(ann) == {"PLAIN"}
    assert b"\r\nSubject: from curl\r\n" in sample.read(bob, 1)[0]


@pytest.mark.runs("mutt", "neomutt")
@pytest.mark.parametrize("program", ["mutt", "neomutt"])
def test_mutt(sample: SampleServer, make_user: Callable[[], str], tmp_path: Path, program: str) -> None:
    ann, bob = make_user(), make_user()
    configuration = tmp_path / "muttrc"
    user, _, domain = ann.partition("@")
    configuration.write_text(f"""
set from = "{ann}"
set realname = "Ann"
set smtp_url = "smtp://{user}%40{domain}@{HOST}:{sample.submission}/"
set smtp_pass = "{PASSWORD}"
set ssl_starttls = yes
set ssl_force_tls = yes
set certificate_file = "{sample.certificate}"
set copy = no
set hostname = client.example
""")
    run([program, "-n", "-F", configuration, "-s", "from mutt", bob], tmp_path, TEXT)
    assert sample.mechanisms(ann) == {"SCRAM-SHA-256"}
    assert b"\r\nSubject: from mutt\r\n" in sample.read(bob, 1)[0]


@pytest.mark.runs("postfix")
@needs_postfix
def test_postfix(sample: SampleServer, make_user: Callable[[], str], tmp_path: Path) -> None:
    """A smart host's client. By default Postfix takes no mechanism that tells the password, not even under TLS."""
    ann, bob = make_user(), make_user()
    settings = [
        "smtp_tls_security_level = encrypt",
        "smtp_sasl_auth_enable = yes",
        f"smtp_sasl_password_maps = inline:{{ {{ [127.0.0.1]:{sample.submission} = {ann}:{PASSWORD} }} }}",
    ]
    with running_postfix(sample.submission, *settings) as postfix:
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as smtp:
            assert smtp.sendmail(ann, [bob], f"From: {ann}\r\nSubject: from Postfix\r\n\r\n{TEXT}") == {}
        postfix.wait_until_empty()
        assert "status=sent" in postfix.log()
    assert sample.mechanisms(ann) == {"SCRAM-SHA-256"}
    (message,) = sample.read(bob, 1)
    assert b"\r\nSubject: from Postfix\r\n" in message
    assert b"with ESMTPSA ID" in message
