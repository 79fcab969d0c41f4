"""The mails that vacation and notify send (RFC 5230 §5, RFC 5436 §2.7), as Python's own parser reads them."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from compostela.sieve.actions import Keep, Notify, Vacation
from compostela.sieve.host import Envelope
from compostela.sieve.replies import notification_message, vacation_message
from tests.unit.sieve.scripts import NOW, actions, message

MAIL = "From: ann@example.com\nTo: ken@example.org\nSubject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\nMessage-ID: <1@example.com>\nReferences: <0@x>\n\nhi\n"


def parsed(made: tuple[bytes, bytes]) -> EmailMessage:
    found = message_from_bytes(made[0] + made[1], policy=default)
    assert isinstance(found, EmailMessage)
    assert found.defects == []
    return found


def vacation(script: str) -> EmailMessage:
    found = actions(
        f'require "vacation"; {script}', message(MAIL), None, Envelope("ann@example.com", "ken@example.org")
    )[0]
    assert isinstance(found, Vacation)
    return parsed(vacation_message(found, "ken@example.org", NOW))


def test_a_vacation_answer() -> None:
    answer = vacation('vacation "Ich bin am Strand: schön.";')
    assert answer["From"] == "ken@example.org"
    assert answer["To"] == "ann@example.com"
    assert answer["Subject"] == "Auto: Größe"
    assert answer["Auto-Submitted"] == "auto-replied"
    assert answer["In-Reply-To"] == "<1@example.com>"
    assert answer["References"] == "<0@x> <1@example.com>"
    assert answer["Date"] == "Sat, 28 Nov 2026 11:30:15 -0000"
    assert answer["Message-ID"].endswith("@example.org>")
    assert answer.get_content() == "Ich bin am Strand: schön.\r\n"


def test_a_vacation_answer_that_is_mime() -> None:
    answer = vacation(
        'vacation :from "Ken <kenny@example.org>" :subject "Weg" :mime text:\nSubject: not taken\nContent-Type: text/html\n\n<p>away\n.\n;'
    )
    assert (answer["From"], answer["Subject"]) == ("Ken <kenny@example.org>", "Weg")
    assert answer.get_content_type() == "text/html"
    assert answer.get_content() == "<p>away\r\n"
    assert answer.get_all("Subject") == ["Weg"]


def test_a_notification() -> None:
    action = Notify("mailto:a@b.example?subject=x&X-Room=1&body=look", "You have mail", importance=1)
    found = parsed(notification_message(action, "ken@example.org", "Minutes", NOW))
    assert found["Subject"] == "You have mail"
    assert found["To"] == "a@b.example"
    assert found["Auto-Submitted"] == 'auto-notified; owner-email="ken@example.org"'
    assert (found["Importance"], found["X-Room"]) == ("high", "1")
    assert found.get_content() == "look\r\n"
    plain = parsed(notification_message(Notify("mailto:a@b.example"), "ken@example.org", "Minutes", NOW))
    assert plain["Subject"] == "Minutes"


def test_automatic_mail_is_not_told_of() -> None:
    """RFC 5436 §2.2."""
    script = 'require "enotify"; notify "mailto:a@b.example";'
    assert actions(script, message("Auto-Submitted: auto-notified\n" + MAIL)) == [Keep(is_implicit=True)]
    assert len(actions(script, message("Auto-Submitted: no\n" + MAIL))) == 2
