"""Real clients that send."""

import smtplib
import ssl
import subprocess
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.end_to_end.mailbox import fetch_all
from tests.programs import needs
from tests.server_process import ServerProcess

TEXT = "Subject: from a real client\r\nFrom: {sender}\r\n\r\nHello.\r\n.leading dot\r\n"


def context() -> ssl.SSLContext:
    found = ssl.create_default_context()
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    return found


@pytest.mark.parametrize("way", ["plain", "starttls", "tls", "login"])
def test_smtplib(server: ServerProcess, user: str, way: str) -> None:
    sender = user if way == "login" else "someone@foreign.example"
    if way == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", server.smtps, context=context())
    else:
        smtp = smtplib.SMTP("127.0.0.1", server.smtp)
    with smtp:
        if way in ("starttls", "login"):
            smtp.starttls(context=context())
        if way == "login":
            smtp.login(user, "secret")
        assert smtp.sendmail(sender, [user], TEXT.format(sender=sender)) == {}
    (message,) = fetch_all(server, user)
    assert message.endswith(b"\r\n\r\nHello.\r\n.leading dot\r\n")
    protocol = {"plain": b"ESMTP ID", "starttls": b"ESMTPS ID", "tls": b"ESMTPS ID", "login": b"ESMTPSA ID"}[way]
    assert protocol in message


@needs("curl")
def test_curl_sends(server: ServerProcess, user: str, tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    mail.write_bytes(TEXT.format(sender=user).encode())
    subprocess.run(
        [
            "curl", "--silent", "--show-error", "--insecure", "--ssl-reqd", f"smtp://127.0.0.1:{server.smtp}",
            "--user", f"{user}:secret", "--mail-from", user, "--mail-rcpt", user, "--upload-file", str(mail),
        ],
        check=True,
    )  # fmt: skip
    (message,) = fetch_all(server, user)
    assert b"from a real client" in message


@needs("curl")
@pytest.mark.parametrize("tls", [[], ["--ssl-reqd", "--insecure"]], ids=["plain", "starttls"])
def test_curl_says_a_proxys_header(server: ServerProcess, user: str, tmp_path: Path, tls: list[str]) -> None:
    mail = tmp_path / "mail"
    mail.write_bytes(TEXT.format(sender=user).encode())
    subprocess.run(
        [
            "curl", "--silent", "--show-error", "--haproxy-protocol", *tls, f"smtp://127.0.0.1:{server.proxied}",
            "--mail-from", "a@foreign.example", "--mail-rcpt", user, "--upload-file", str(mail),
        ],
        check=True,
    )  # fmt: skip
    (message,) = fetch_all(server, user)
    assert b"([127.0.0.1])" in message


@needs("msmtp")
@pytest.mark.parametrize("mechanism", ["plain", "login", "scram-sha-256"])
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_msmtp(server: ServerProcess, user: str, mechanism: str, tls: str) -> None:
    port = server.smtp if tls == "starttls" else server.smtps
    subprocess.run(
        [
            "msmtp", "--host=127.0.0.1", f"--port={port}", "--tls=on", f"--tls-starttls={'on' if tls == 'starttls' else 'off'}",
            "--tls-certcheck=off", f"--auth={mechanism}", f"--user={user}", "--passwordeval=echo secret", f"--from={user}", user,
        ],
        input=TEXT.format(sender=user).encode(),
        check=True,
    )  # fmt: skip
    (message,) = fetch_all(server, user)
    assert b" with ESMTPSA ID " in message


def test_twenty_mebibytes_come_back_byte_for_byte(server: ServerProcess, user: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = user, user, "large"
    mail.set_content("See the attachments.\n")
    for number in range(3):
        data = bytes(range(256)) * 20_000 + bytes([number])
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=f"file{number}.bin")
    octets = mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))
    assert len(octets) > 20 * 1024 * 1024
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        smtp.sendmail("a@foreign.example", [user], octets)
    (message,) = fetch_all(server, user)
    assert message.endswith(octets)


def test_a_mail_to_many_users_keeps_its_body_once(server: ServerProcess, make_user: Callable[[], str]) -> None:
    users = [make_user() for _ in range(10)]
    body = "".join(f"{number:076d}\r\n" for number in range(60_000))
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        smtp.sendmail("a@foreign.example", users, f"Subject: to all\r\n\r\n{body}")
    before = sum(path.stat().st_size for path in (server.data / "blobs").glob("*/*"))
    for user in users:
        (message,) = fetch_all(server, user)
        assert message.endswith(body.encode())
    after = sum(path.stat().st_size for path in (server.data / "blobs").glob("*/*"))
    assert after - before < len(body)
