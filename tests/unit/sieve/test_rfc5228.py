"""The examples of RFC 5228, and of reject and ereject (RFC 5429), copy (RFC 3894), relational (RFC 5231), subaddress (RFC 5233)."""

import pytest

from compostela.sieve.actions import Action, Discard, FileInto, Keep, Redirect, Reject
from compostela.sieve.host import Envelope
from tests.unit.sieve.scripts import actions, message, problems, run

IMPLICIT = [Keep(is_implicit=True)]
KEEP = [Keep()]
DISCARD = [Discard()]

COYOTE = message("""\
From: coyote@desert.example.org
To: roadrunner@acme.example.com
Subject: I have a present for you

Look, I'm sorry about the whole anvil thing, and I really
didn't mean to try and drop it on you from the top of the
cliff.  I want to try to make it up to you.  I've got some
great birdseed over here at my place--top of the line
stuff--and if you come by, I'll have it all wrapped up
for you.  I'm really sorry for all the problems I've caused
for you over the years, but I know we can work this out.
--
Wile E. Coyote   "Super Genius"   coyote@desert.example.org
""")

MONEY = message("""\
From: youcouldberich!@reply-by-postal-mail.invalid
To: rich@des.example.com
Date: Mon, 31 Mar 1997 18:26:10 -0800
Subject: $$$ YOU, TOO, CAN BE A MILLIONAIRE! $$$

YOU MAY HAVE ALREADY WON TEN MILLION DOLLARS, BUT I DOUBT
IT!  SO JUST POST THIS TO SIX HUNDRED NEWSGROUPS!  IT WILL
GUARANTEE THAT YOU GET AT LEAST FIVE RESPONSES WITH MONEY!
""")


@pytest.mark.parametrize(
    ("script", "money", "coyote"),
    [
        # §2.4.2.2 to §2.7.3
        ('if size :over 100K { discard; }', IMPLICIT, IMPLICIT),
        ('if not header :contains "subject" "MAKE MONEY FAST" { keep; } else { discard; }', KEEP, KEEP),
        ('if header :contains "subject" "$$$" { discard; }', DISCARD, IMPLICIT),
        ('if address :is :all "from" "tim@example.com" { discard; }', IMPLICIT, IMPLICIT),
        ('require "encoded-character"; if header :contains "Subject" "${hex:24 24}${unicode:24}" { discard; }',
         DISCARD, IMPLICIT),
        # §3.1
        ('if header :contains "from" "coyote" { discard; } elsif header :contains ["subject"] ["$$$"] { discard; } '
         'else { keep; }', DISCARD, DISCARD),
        # §4.2 to §4.4
        ('redirect "bart@example.com";', [Redirect("bart@example.com")], [Redirect("bart@example.com")]),
        ('if size :under 1M { keep; } else { discard; }', KEEP, KEEP),
        ('if header :contains ["from"] ["idiot@example.com", "youcouldberich!"] { discard; }', DISCARD, IMPLICIT),
        ('require "fileinto"; if header :contains ["from"] "coyote" { fileinto "INBOX.harassment"; }',
         IMPLICIT, [FileInto("INBOX.harassment")]),
        # §5.2, §5.3
        ('if allof (header :contains "from" "coyote", header :contains "subject" "present") { discard; }',
         IMPLICIT, DISCARD),
        ('if anyof (size :over 1M, header :contains "subject" "millionaire", '
         'header :contains "x-caffeine" "") { discard; }', DISCARD, IMPLICIT),
        # §5.5, §5.7
        ('if not exists ["From", "Date"] { discard; }', IMPLICIT, DISCARD),
        ('if header :is ["subject"] [""] { discard; } elsif header :contains "x-caffeine" "" { discard; }',
         IMPLICIT, IMPLICIT),
    ],
)  # fmt: skip
def test_examples(script: str, money: list[Action], coyote: list[Action]) -> None:
    assert actions(script, MONEY) == money
    assert actions(script, COYOTE) == coyote


EXTENDED = """
#
# Example Sieve Filter
# Declare any optional features or extension used by the script
#
require ["fileinto"];

#
# Handle messages from known mailing lists
# Move messages from IETF filter discussion list to filter mailbox
#
if header :is "Sender" "owner-ietf-mta-filters@imc.org"
        {
        fileinto "filter";  # move to "filter" mailbox
        }
#
# Keep all messages to or from people in my company
#
elsif address :DOMAIN :is ["From", "To"] "example.com"
        {
        keep;               # keep in "In" mailbox
        }

#
# Try and catch unsolicited email.  If a message is not to me,
# or it contains a subject known to be spam, file it away.
#
elsif anyof (NOT address :all :contains
               ["To", "Cc", "Bcc"] "me@example.com",
             header :matches "subject"
               ["*make*money*fast*", "*university*dipl*mas*"])
        {
        fileinto "spam";   # move to "spam" mailbox
        }
else
        {
        # Move all other (non-company) mail to "personal"
        # mailbox.
        fileinto "personal";
        }
"""


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("Sender: owner-ietf-mta-filters@imc.org\nFrom: a@example.net", FileInto("filter")),
        ("From: a@example.com\nTo: me@example.com", Keep()),
        ("From: a@example.net\nTo: you@example.net", FileInto("spam")),
        ("From: a@example.net\nCc: you@example.net\nBcc: me@example.com.invalid\nSubject: Make your money faster",
         FileInto("spam")),
        ("From: a@example.net\nCc: x.me@example.com.invalid\nSubject: hi", FileInto("personal")),
    ],
)  # fmt: skip
def test_the_extended_example(header: str, wanted: Action) -> None:
    """§9."""
    assert actions(EXTENDED, message(header + "\n\nbody\n")) == [wanted]


def test_the_null_sender_is_the_empty_string() -> None:
    """§5.4."""
    bounce = Envelope("", "bob@example.org")
    for part in ("", ":localpart", ":domain", ":all"):
        script = f'require "envelope"; if envelope {part} :is "from" "" {{ discard; }}'
        assert actions(script, envelope=bounce) == DISCARD
        assert actions(script) == IMPLICIT


def test_envelope_example() -> None:
    script = 'require "envelope"; if envelope :all :is "from" "tim@example.com" { discard; }'
    assert actions(script, envelope=Envelope("Tim@Example.COM", "bob@example.org")) == DISCARD


def test_an_octet_is_compared_as_it_is() -> None:
    """§2.7.3."""
    script = 'if header :contains :comparator "i;octet" "Subject" "MILLIONAIRE" { discard; }'
    assert actions(script, MONEY) == DISCARD
    assert actions(script.replace("MILLIONAIRE", "millionaire"), MONEY) == IMPLICIT


def test_only_ascii_letters_are_folded() -> None:
    script = 'if header :is "X" "ÄB" { discard; }'
    assert actions(script, message("X: Äb\n\n")) == DISCARD
    assert actions(script, message("X: äb\n\n")) == IMPLICIT


def test_a_message_is_stored_once_in_a_mailbox() -> None:
    """§2.10.3."""
    assert actions('require "fileinto"; fileinto "a"; fileinto "b"; fileinto "a"; keep; keep;') == [
        FileInto("a"), FileInto("b"), Keep(),
    ]  # fmt: skip


def test_copy_leaves_the_implicit_keep() -> None:
    """RFC 3894 §3."""
    script = 'require ["copy", "fileinto"]; fileinto :copy "incoming"; redirect :copy "a@example.com";'
    assert actions(script) == [FileInto("incoming"), Redirect("a@example.com"), Keep(is_implicit=True)]


def test_reject_and_ereject() -> None:
    """RFC 5429."""
    assert actions(
        'require "ereject"; if header :contains "from" "coyote" { ereject "I am not taking mail"; }', COYOTE
    ) == [Reject("I am not taking mail", is_ereject=True)]
    script = (
        'require ["reject"]; if size :over 100K { reject text:\nYour message is too big.\n.\n; } else { reject "no"; }'
    )
    assert actions(script) == [Reject("no")]


def test_a_refused_message_is_delivered_nowhere() -> None:
    """RFC 5429 §2.4."""
    for other in ("keep;", 'redirect "a@example.com";', 'fileinto "a";', 'vacation "x";', 'reject "b";'):
        for order in (f'reject "a"; {other}', f'{other} reject "a";'):
            outcome = run(f'require ["reject", "fileinto", "vacation"]; {order}')
            assert outcome.failure is not None, order
            assert outcome.actions == (Keep(is_implicit=True),)


def test_relational_examples() -> None:
    """RFC 5231 §7."""
    script = """require ["relational", "comparator-i;ascii-numeric", "fileinto"];
        if header :value "lt" :comparator "i;ascii-numeric" ["x-priority"] ["3"] { fileinto "Priority"; }
        elsif address :count "gt" :comparator "i;ascii-numeric" ["to"] ["5"] { fileinto "SPAM"; }
        elsif address :count "gt" :comparator "i;ascii-numeric" ["to", "cc"] ["5"] { fileinto "Crowd"; }
        elsif address :value "gt" :all :comparator "i;ascii-casemap" ["from"] ["M"] { fileinto "From N-Z"; }
        else { fileinto "From A-M"; }"""
    for header, wanted in [
        ("X-Priority: 2", "Priority"),
        ("To: a@x, b@x, c@x, d@x, e@x, f@x", "SPAM"),
        ("To: a@x, b@x, c@x\nCc: d@x, e@x, f@x", "Crowd"),
        ("From: nick@example.com", "From N-Z"),
        ("From: bob@example.com", "From A-M"),
    ]:
        assert actions(script, message(f"{header}\n\n")) == [FileInto(wanted)], header


def test_subaddress_examples() -> None:
    """RFC 5233 §4, §5."""
    script = """require ["envelope", "subaddress", "fileinto"];
        if envelope :user "to" "postmaster" { fileinto "inbox.postmaster"; stop; }
        if envelope :detail :is "to" "mta-filters" { fileinto "inbox.ietf-mta-filters"; }
        if header :contains "Subject" "test message" { if envelope :detail "to" "mta-filters" { discard; } }"""
    assert actions(script, envelope=Envelope("a@b.example", "postmaster@example.com")) == [FileInto("inbox.postmaster")]
    assert actions(script, envelope=Envelope("a@b.example", "ken+mta-filters@example.com")) == [
        FileInto("inbox.ietf-mta-filters")
    ]
    assert actions(script, envelope=Envelope("a@b.example", "ken@example.com")) == IMPLICIT
    detail = 'require "subaddress"; if address :detail "to" "" { discard; }'
    assert actions(detail, message("To: ken+@example.org\n\n")) == DISCARD
    assert actions(detail, message("To: ken@example.org\n\n")) == IMPLICIT


def test_a_failure_keeps_the_mail_and_has_its_place() -> None:
    """§2.10.6."""
    outcome = run('require ["variables", "fileinto"];\nfileinto "a";\nif true {\n  redirect "${x}";\n}\n')
    assert outcome.actions == (Keep(is_implicit=True),)
    assert str(outcome.failure) == "line 4, column 3: '' is no mail address"


def test_all_errors_are_told_with_their_places() -> None:
    found = problems('require "fileinto";\nkeep;\nfileinto;\nif header :contians "a" "b" { discard; }\nfoo "x";\n')
    assert [(str(problem.place), problem.message) for problem in found] == [
        ("line 3, column 1", "'fileinto' takes 1 positional argument, but has 0"),
        ("line 4, column 11", "'header' has no tag ':contians'; did you mean 'contains'?"),
        ("line 5, column 1", "unknown command 'foo'"),
    ]
