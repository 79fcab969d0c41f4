"""Postfix sends to us: what it expects of a server's answers, and its load generator."""

import smtplib
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.end_to_end.mailbox import fetch_all, session
from tests.end_to_end.postfix import Postfix, needs_postfix, running_postfix
from tests.server_process import SMTP_SERVER, TLS, ServerProcess

pytestmark = needs_postfix

FOREIGN = "someone@foreign.example"
DUE = "Subject: through a peer\r\n\r\n.dots\r\n..more\r\n"


@pytest.fixture(scope="module")
def postfix(server: ServerProcess) -> Iterator[Postfix]:
    with running_postfix(server.smtp, "smtp_tls_security_level = encrypt") as running:
        yield running


def hand_over(
    postfix: Postfix, sender: str, recipients: list[str], text: str = DUE, options: tuple[str, ...] = ()
) -> None:
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as smtp:
        assert smtp.sendmail(sender, recipients, text.encode(), mail_options=options) == {}


def test_mail_comes_in_with_tls_and_its_dots(server: ServerProcess, postfix: Postfix, user: str) -> None:
    hand_over(postfix, FOREIGN, [user])
    (message,) = fetch_all(server, user)
    assert message.endswith(b"\r\n\r\n.dots\r\n..more\r\n")
    assert b"ESMTPS ID" in message
    postfix.wait_until_empty()


def test_eight_bits_come_in_as_they_are(server: ServerProcess, postfix: Postfix, user: str) -> None:
    hand_over(postfix, FOREIGN, [user], "Subject: Grüße\r\n\r\nÄÖÜ\r\n", ("BODY=8BITMIME",))
    (message,) = fetch_all(server, user)
    assert message.endswith("\r\n\r\nÄÖÜ\r\n".encode())


def test_a_permanent_answer_to_one_recipient_bounces_for_that_one_alone(
    server: ServerProcess, postfix: Postfix, make_user: Callable[[], str]
) -> None:
    sender, recipient = make_user(), make_user()
    hand_over(postfix, sender, [recipient, "nobody@example.org"])
    fetch_all(server, recipient)
    (bounce,) = fetch_all(server, sender)
    assert b"Status: 5.1.1" in bounce
    assert b"nobody@example.org" in bounce
    assert recipient.encode() not in bounce.partition(b"Reporting-MTA")[2].partition(b"message/rfc822")[0]
    postfix.wait_until_empty()


def test_smtp_source_gets_all_its_mail_accepted_and_all_of_it_arrives(server: ServerProcess, user: str) -> None:
    command = [
        "smtp-source",
        "-s",
        "10",
        "-m",
        "200",
        "-l",
        "4096",
        "-f",
        FOREIGN,
        "-t",
        user,
        f"127.0.0.1:{server.smtp}",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert len(fetch_all(server, user, count=200)) == 200


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of its own, which takes two recipients a mail and mails of at most 1 MiB."""
    process = ServerProcess(tmp_path_factory.mktemp("narrow"))
    starttls = TLS.format(implicit="false", starttls="true")
    text = SMTP_SERVER.format(
        name="smtp", port=process.smtp, tls=starttls, ssl="false", identity="relaxed", elements=""
    )
    two = '<handler class="MaxRcptHandler"><maxRcpt>2</maxRcpt></handler>'
    text = text.replace("<handlerchain>", f"<handlerchain>{two}").replace("50M", "1M")
    (process.conf / "smtpserver.xml").write_text(f"<smtpservers>{text}</smtpservers>")
    process.start()
    process.wait_for_web()
    yield process
    assert process.stop() == 0


def test_a_mail_that_is_too_large_bounces_by_its_declared_size(narrow: ServerProcess) -> None:
    narrow.add_user("sender@example.org")
    narrow.add_user("recipient@example.org")
    with running_postfix(narrow.smtp) as postfix:
        large = "Subject: large\r\n\r\n" + ("x" * 76 + "\r\n") * 20_000
        hand_over(postfix, "sender@example.org", ["recipient@example.org"], large)
        (bounce,) = fetch_all(narrow, "sender@example.org")
        postfix.wait_until_empty()
    assert b"Status: 5.3.4" in bounce
    with session(narrow, "recipient@example.org") as imap:
        assert imap.select("INBOX", readonly=True) == ("OK", [b"0"])


def test_postfix_keeps_those_beyond_the_limit_and_sends_to_them_later(narrow: ServerProcess) -> None:
    users = [f"user{number}@example.org" for number in range(5)]
    for user in users:
        narrow.add_user(user)
    with running_postfix(narrow.smtp) as postfix:
        hand_over(postfix, FOREIGN, users)
        assert all("452" in reason for reason in postfix.wait_until_deferred(3))
        postfix.try_again()
        postfix.wait_until_deferred(1)
        postfix.try_again()
        postfix.wait_until_empty()
    for user in users:
        assert len(fetch_all(narrow, user)) == 1


def test_postfix_keeps_its_mail_while_the_server_is_down(narrow: ServerProcess) -> None:
    narrow.add_user("late@example.org")
    with running_postfix(narrow.smtp) as postfix:
        assert narrow.stop() == 0
        hand_over(postfix, FOREIGN, ["late@example.org"])
        (reason,) = postfix.wait_until_deferred(1)
        assert "refused" in reason
        narrow.start()
        postfix.try_again()
        postfix.wait_until_empty()
    assert len(fetch_all(narrow, "late@example.org")) == 1
