"""Automatic answers (RFC 5230, RFC 6131, RFC 8580) and notifications (RFC 5435, RFC 5436)."""

import pytest

from compostela.model.flags import Flags, SystemFlag
from compostela.sieve.actions import CarbonCopy, FileInto, Keep, Notify, Vacation
from compostela.sieve.host import Envelope, PlainHost
from compostela.sieve.mailto import Mailto, parse_mailto
from tests.unit.sieve.scripts import actions, message, problems, run

SENDER = Envelope("ann@example.com", "ken@example.org")
MAIL = "From: ann@example.com\nTo: ken@example.org\nSubject: hello\nMessage-ID: <1@example.com>\n\nhi\n"


def answers(
    script: str, text: str = MAIL, envelope: Envelope = SENDER, host: PlainHost | None = None
) -> list[Vacation]:
    found = actions(f'require ["vacation", "vacation-seconds"]; {script}', message(text), host, envelope)
    return [action for action in found if isinstance(action, Vacation)]


def test_an_answer_and_the_implicit_keep() -> None:
    """RFC 5230 §4."""
    found = actions('require "vacation"; vacation "I am away";', message(MAIL), None, SENDER)
    assert len(found) == 2
    answer, keep = found
    assert keep == Keep(is_implicit=True)
    assert isinstance(answer, Vacation)
    assert (answer.recipient, answer.reason, answer.subject) == ("ann@example.com", "I am away", "Auto: hello")
    assert (answer.in_reply_to, answer.references, answer.seconds) == ("<1@example.com>", "<1@example.com>", None)


def test_all_arguments() -> None:
    (answer,) = answers(
        'vacation :mime :days 23 :subject "gone" :from "Ken <ken@example.org>" :addresses ["tjs@example.edu", '
        '"ts4z@landru.example.edu"] :handle "ran-away" "Content-Type: text/plain\n\nx";'
    )
    assert (answer.seconds, answer.subject, answer.from_, answer.handle, answer.is_mime) == (
        23 * 86_400, "gone", "Ken <ken@example.org>", "ran-away", True,
    )  # fmt: skip


def test_periods() -> None:
    """RFC 5230 §4.1, RFC 6131 §2: days begin with 1, seconds with 0."""
    for period, seconds in ((":days 0", 86_400), (":days 7", 604_800), (":seconds 0", 0), (":seconds 1800", 1800)):
        (answer,) = answers(f'vacation {period} "x";')
        assert answer.seconds == seconds


def test_the_same_answer_has_the_same_handle() -> None:
    """RFC 5230 §4.7."""
    handles = [
        answers(script)[0].handle
        for script in ('vacation "a";', 'vacation :days 3 "a";', 'vacation "b";', 'vacation :subject "s" "a";')
    ]
    assert handles[0] == handles[1]
    assert len(set(handles)) == 3


@pytest.mark.parametrize(
    "text",
    [
        MAIL.replace("To: ken", "To: other"),
        "Auto-Submitted: auto-generated\n" + MAIL,
        "Auto-Submitted: auto-replied; x=y\n" + MAIL,
        "Precedence: bulk\n" + MAIL,
        "List-Id: <x.example>\n" + MAIL,
        "List-Post: <mailto:x@y.example>\n" + MAIL,
    ],
)
def test_lists_and_programs_get_no_answer(text: str) -> None:
    """RFC 5230 §4.5, §4.6; RFC 3834 §2."""
    assert answers('vacation "x";', text) == []


@pytest.mark.parametrize(
    "sender",
    ["", "ken@example.org", "KEN@example.org", "owner-list@example.com", "list-request@example.com",
     "MAILER-DAEMON@example.com", "second@example.org"],
)  # fmt: skip
def test_some_senders_get_no_answer(sender: str) -> None:
    host = PlainHost(addresses=("second@example.org",))
    assert answers('vacation "x";', envelope=Envelope(sender, "ken@example.org"), host=host) == []


def test_mail_to_any_address_of_the_owner_is_answered() -> None:
    aliased = MAIL.replace("ken@example.org", "kenny@example.net")
    assert answers('vacation "x";', aliased) == []
    assert answers('vacation :addresses "KENNY@example.net" "x";', aliased)
    assert answers('vacation "x";', aliased, host=PlainHost(addresses=("kenny@example.net",)))
    assert answers('vacation "x";', MAIL.replace("To:", "Resent-Cc:"))
    assert answers('vacation "x";', MAIL.replace("ken@", "Ken+lists@"))
    assert not answers('vacation "x";', MAIL.replace("ken@", "kenny+ken@"))
    assert answers('vacation "x";', "Auto-Submitted: no\n" + MAIL)


def test_a_long_header_makes_no_long_answer() -> None:
    long = f"Message-ID: <{'m' * 5_000}@x>\nReferences: {'<a@b> ' * 5_000}\nSubject: {'s' * 5_000}\nTo: ken@example.org\n\n"
    (answer,) = answers('vacation "x";', long)
    assert answer.in_reply_to is None
    assert len(answer.subject) < 400
    assert len(answer.references or "") < 400


def test_two_answers_are_a_failure() -> None:
    """RFC 5230 §4.7."""
    outcome = run('require "vacation"; vacation "a"; vacation "b";', message(MAIL), None, SENDER)
    assert "must not run twice" in str(outcome.failure)


def test_a_copy_of_the_answer() -> None:
    """RFC 8580 §3."""
    script = """require ["vacation", "fcc", "mailbox", "imap4flags", "special-use"];
        vacation :days 7 :from "hemingway@example.com" :fcc "INBOX.Sent" :create :flags ["\\\\Seen", "x"]
          :specialuse "\\\\Sent" "Gone Fishin'";"""
    answer = actions(script, message(MAIL), None, SENDER)[0]
    assert isinstance(answer, Vacation)
    assert answer.copy == CarbonCopy(
        "INBOX.Sent", Flags.of(SystemFlag.SEEN, keywords={"x"}), create=True, special_use="\\Sent"
    )
    assert "needs ':fcc'" in problems('require ["vacation", "mailbox"]; vacation :create "x";')[0].message


def test_notification() -> None:
    """RFC 5435 §3."""
    script = """require ["enotify", "fileinto", "variables"];
        if header :matches "Subject" "*" { set "subject" "${1}"; }
        notify :importance "3" :from "bob@example.org" :options ["a=b"] :message "[SIEVE] ${subject}"
          "mailto:alm@example.com";
        fileinto "INBOX.sieve";"""
    assert actions(script, message(MAIL)) == [
        Notify("mailto:alm@example.com", "[SIEVE] hello", "bob@example.org", 3, ("a=b",)), FileInto("INBOX.sieve"),
    ]  # fmt: skip


def test_a_notification_leaves_the_implicit_keep() -> None:
    assert actions('require "enotify"; notify "mailto:x@example.com";') == [
        Notify("mailto:x@example.com"), Keep(is_implicit=True),
    ]  # fmt: skip


def test_capabilities_of_methods() -> None:
    """RFC 5435 §4, §5."""
    script = """require ["enotify", "fileinto"];
        if not valid_notify_method ["mailto:", "http://gw.example.net/notify?test"] { fileinto "invalid"; }
        if notify_method_capability "mailto:x@example.com" "Online" "yes" { fileinto "online"; }"""
    assert actions(script) == [FileInto("invalid")]
    online = PlainHost(online={"mailto:x@example.com": True})
    assert actions(script, host=online) == [FileInto("invalid"), FileInto("online")]


def test_mailto() -> None:
    """RFC 5436 §2, RFC 6068."""
    assert parse_mailto(
        "MAILTO:a@b.example,c@d.example?subject=two%20words&Bcc=e@f.example&X-A=1&body=x%0D%0Ay"
    ) == Mailto(("a@b.example", "c@d.example"), (("subject", "two words"), ("X-A", "1")), "x\r\ny")
    assert parse_mailto("mailto:?to=a@b.example") == Mailto(("a@b.example",))
    for bad in ("mailto:", "tel:123", "mailto:a b", "mailto:a@b.example?x", "mailto:a@b.example,,c"):
        assert problems(f'require "enotify"; notify "{bad}";')
