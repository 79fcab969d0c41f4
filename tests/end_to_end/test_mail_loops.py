"""A mail to oneself through a gateway that leads back ends in one report within seconds."""

import smtplib
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from tests.end_to_end.mailbox import fetch_all
from tests.server_process import ServerProcess

USER = "oneself@example.org"
LIMIT_SECONDS = 10.0
DEFAULT = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()


@pytest.fixture(params=["30", "100000"], ids=["RelayLimit", "no RelayLimit"])
def looping(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "server")
    smtp = server.conf / "smtpserver.xml"
    authorized = "<authorizedAddresses>127.0.0.0/8</authorizedAddresses><verifyIdentity>"
    smtp.write_text(smtp.read_text().replace("<verifyIdentity>", authorized))
    # the gateway gets what local clients send, to users of this server too, and the gateway is this server
    to_gateway = '<mailet match="SMTPIsAuthNetwork" class="ToProcessor"><processor>relay</processor></mailet>'
    container = (
        DEFAULT.replace('<mailet match="RecipientIsLocal"', f'{to_gateway}<mailet match="RecipientIsLocal"')
        .replace("<outgoing>", f"<gateway>localhost:{server.smtp}</gateway><outgoing>")
        .replace("RelayLimit=30", f"RelayLimit={request.param}")
    )
    (server.conf / "mailetcontainer.xml").write_text(container)
    server.start()
    server.wait_for_web()
    server.add_user(USER)
    yield server
    assert server.stop() == 0


def test_a_mail_to_oneself_through_a_gateway_that_leads_back_ends_in_one_report(looping: ServerProcess) -> None:
    started = time.monotonic()
    with smtplib.SMTP("127.0.0.1", looping.smtp) as smtp:
        smtp.sendmail(USER, [USER], f"From: {USER}\r\nSubject: to myself\r\n\r\nhello\r\n")
    (report,) = fetch_all(looping, USER)
    assert time.monotonic() - started < LIMIT_SECONDS
    assert b"Status: 5.4.6" in report
    assert b"Subject: to myself" in report
    assert report.count(b"Received: ") == 1, "the mail went around"
    listed = looping.command("queue", "list")
    assert all(line.split()[-1] == "0" for line in listed.splitlines() if line.startswith(("spool", "outgoing"))), (
        listed
    )
    assert len(fetch_all(looping, USER)) == 1
