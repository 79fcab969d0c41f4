"""imap4flags (RFC 5232), variables (RFC 5229), body (RFC 5173), date and index (RFC 5260), environment (RFC 5183), mailbox and metadata
(RFC 5490), special-use (RFC 8579), editheader (RFC 5293), ihave (RFC 5463), spamtest (RFC 5235), duplicate (RFC 7352), extlists (RFC 6134)
and James's log."""

import pytest

from compostela.model.flags import Flags, SystemFlag
from compostela.sieve.actions import Action, Discard, EditedMessage, FileInto, Keep, Redirect, RedirectToList
from compostela.sieve.host import Envelope, PlainHost, SpamVerdict
from compostela.sieve.run import DuplicateMark, LogLine
from tests.unit.sieve.mails import mail
from tests.unit.sieve.scripts import actions, message, problems, run

IMPLICIT: list[Action] = [Keep(is_implicit=True)]
DISCARD: list[Action] = [Discard()]
DELETED, FLAGGED = Flags.of(SystemFlag.DELETED), Flags.of(SystemFlag.FLAGGED)


def test_flags_examples() -> None:
    """RFC 5232 §3, §5."""
    assert actions('require ["fileinto", "imap4flags"]; setflag "\\\\Deleted"; fileinto "INBOX.From Boss";') == [
        FileInto("INBOX.From Boss", DELETED)
    ]
    script = """require ["fileinto", "imap4flags", "variables"];
        addflag "MyFlags" "\\\\Deleted"; addflag "MyFlags" ["\\\\Flagged", "$Junk"]; removeflag "myflags" "\\\\deleted";
        fileinto :flags "${MyFlags}" "a"; fileinto :flags ["\\\\Answered", "$MDNRequired"] "b"; fileinto "c";"""
    assert actions(script) == [
        FileInto("a", Flags.of(SystemFlag.FLAGGED, keywords={"$Junk"})),
        FileInto("b", Flags.of(SystemFlag.ANSWERED, keywords={"$MDNRequired"})),
        FileInto("c"),
    ]
    script = """require ["imap4flags", "relational", "variables"]; addflag "MyVar" "A"; addflag "MyVar" "b";
        if hasflag :contains "MyVar" "a" { if hasflag :contains "MyVar" ["x", "B"] { if hasflag :count "ge" "MyVar" "2" { discard; } } }"""
    assert actions(script) == DISCARD


def test_the_implicit_keep_takes_the_flags() -> None:
    assert actions('require "imap4flags"; setflag "\\\\Flagged";') == [Keep(FLAGGED, is_implicit=True)]
    assert actions('require "imap4flags"; setflag ["\\\\Recent", "\\\\Unknown", "a(b", "\\\\flagged"];') == [
        Keep(FLAGGED, is_implicit=True)
    ]


@pytest.mark.parametrize(
    ("modifiers", "value", "wanted"),
    [
        (":length", "juMBlEd lETteRS", "15"),
        (":lower", "juMBlEd lETteRS", "jumbled letters"),
        (":upperfirst", "juMBlEd lETteRS", "JuMBlEd lETteRS"),
        (":upperfirst :lower", "juMBlEd lETteRS", "Jumbled letters"),
        (":quotewildcard", "Rock*", "Rock\\*"),
        (":upper", "äöa", "äöA"),
    ],
)
def test_modifiers(modifiers: str, value: str, wanted: str) -> None:
    """RFC 5229 §4."""
    script = f'require ["variables", "fileinto"]; set {modifiers} "b" "{value}"; fileinto "${{b}}";'
    assert actions(script) == [FileInto(wanted)]


def test_match_variables() -> None:
    """RFC 5229 §3.2."""
    script = """require ["fileinto", "variables"];
        if header :matches "List-ID" "*<*@*" { fileinto "INBOX.lists.${2}"; stop; }
        if address :matches ["To", "Cc"] ["coyote@**.com", "wile@**.com"] { fileinto "INBOX.business.${2}"; stop; }"""
    assert actions(script, message("List-ID: Users of Acme <acme-users@example.com>\n\n")) == [
        FileInto("INBOX.lists.acme-users")
    ]
    mail_ = message("To: coyote@ACME.Example.COM\n\n")
    assert actions(script, mail_) == [FileInto("INBOX.business.ACME.Example")]


def test_variables_and_their_text() -> None:
    """RFC 5229 §3: unknown names are empty, anything that is no reference stays."""
    script = """require ["fileinto", "variables"]; set "company" "ACME";
        fileinto "&%${}!|${president, ACME Inc.}|${company}|${President}|${company";"""
    assert actions(script) == [FileInto("&%${}!|${president, ACME Inc.}|ACME||${company")]
    assert "namespace" in problems('require ["fileinto", "variables"]; fileinto "${a.b}";')[0].message


def test_body_of_the_multipart() -> None:
    """RFC 5173 §5, §6."""
    for test, found in [
        ('body :raw :contains "MAKE MONEY FAST"', False),
        ('body :content "text" :contains ["missile", "hyper"]', True),
        ('body :content ["audio", "application/pdf"] :contains "secret"', True),
        ('body :text :contains "<b>hyper"', False),
        ('body :content "text/html" :contains "<b>hyper"', True),
        ('body :text :contains "text of the ENCLOSED"', True),
        ('body :text :contains "secret"', False),
    ]:
        assert actions(f'require "body"; if {test} {{ discard; }}', "multipart") == (DISCARD if found else IMPLICIT), (
            test
        )


def test_date_examples() -> None:
    """RFC 5260 §4, §5; the clock of the tests says 2026-11-28 12:30:15 +0100, a Saturday."""
    for test, found in [
        ('allof(header :is "from" "joe@firm.example", date :value "ge" :originalzone "date" "hour" "09")', False),
        ('date :value "ge" :originalzone "date" "hour" "09"', True),
        (
            'anyof(currentdate :is "weekday" "0", currentdate :is "weekday" "6", currentdate :value "lt" "hour" "09")',
            True,
        ),
        ('currentdate :value "ge" "date" "2026-12-01"', False),
        ('currentdate "iso8601" "2026-11-28T12:30:15+01:00"', True),
        ('currentdate :zone "+0000" "iso8601" "2026-11-28T11:30:15Z"', True),
        ('currentdate "std11" "Sat, 28 Nov 2026 12:30:15 +0100"', True),
        ('currentdate "julian" "61372"', True),
        ('date :index 2 :originalzone "Received" "zone" "-0500"', True),
        ('date :index 1 :last :originalzone "Received" "zone" "-0500"', True),
        ('date :zone "+0000" "Received" "time" "08:15:30"', True),
    ]:
        script = f'require ["date", "relational", "index"]; if {test} {{ discard; }}'
        assert actions(script) == (DISCARD if found else IMPLICIT), test


def test_environment() -> None:
    """RFC 5183 §4."""
    script = 'require "environment"; if environment :matches "Remote-Host" "*.example.com" { discard; }'
    assert actions(script) == IMPLICIT
    assert actions(script, host=PlainHost(items={"remote-host": "mx.Example.com"})) == DISCARD


def test_mailboxes_and_annotations() -> None:
    """RFC 5490 §3, §4."""
    script = """require ["fileinto", "mailbox", "mboxmetadata", "servermetadata"];
        if mailboxexists ["Partners", "INBOX"] { fileinto "Partners"; } else { fileinto :create "Partners"; }
        if metadata :is "INBOX" "/private/vendor/filter" "on" { fileinto "m"; }
        if metadataexists "INBOX" ["/private/comment", "/private/vendor/filter"] { fileinto "me"; }
        if servermetadata :matches "/shared/state" "o?f" { fileinto "s"; }
        if servermetadataexists "/shared/state" { fileinto "se"; }"""
    assert actions(script) == [FileInto("Partners", create=True)]
    host = PlainHost(
        mailboxes=frozenset({"INBOX", "Partners"}),
        annotations={("INBOX", "/private/vendor/filter"): "ON", (None, "/shared/state"): "off"},
    )
    assert actions(script, host=host) == [FileInto(name) for name in ("Partners", "m", "s", "se")]


def test_special_use() -> None:
    """RFC 8579 §3, §4."""
    script = """require ["fileinto", "special-use", "mailbox"];
        if specialuse_exists "\\\\Junk" { fileinto :specialuse "\\\\Junk" :create "INBOX/Spam"; }
        if specialuse_exists "Old" ["\\\\Archive", "\\\\Junk"] { discard; }"""
    assert actions(script) == IMPLICIT
    host = PlainHost(special_uses={"Spam": frozenset({"\\junk"})})
    assert actions(script, host=host) == [FileInto("INBOX/Spam", create=True, special_use="\\Junk")]
    assert problems('require ["fileinto", "special-use"]; fileinto :specialuse "Junk" "x";')


def edited(found: Action) -> EditedMessage:
    assert isinstance(found, Keep | FileInto | Redirect)
    assert found.message is not None
    return found.message


def test_editheader() -> None:
    """RFC 5293 §4, §5."""
    text = "X-Hello: World\nX-A: 1\nX-A: 2\nX-A: 3\nSubject: x\n\nbody\n"
    script = """require ["editheader", "fileinto"]; fileinto "before";
        addheader "X-Sieve-Filtered" ["<kim@job.example.com>"]; """
    assert "must be a string, not a list" in problems(script)[0].message
    script = """require ["editheader", "fileinto"]; fileinto "before";
        addheader "X-New" "Köln"; addheader :last "X-Last" "z"; deleteheader :index 1 :last "X-A";
        deleteheader :is "x-hello" "world"; deleteheader "X-None"; redirect "a@example.com"; keep;"""
    before, redirect, keep = actions(script, message(text))
    assert before == FileInto("before")
    header = b"X-New: =?UTF-8?B?S8O2bG4=?=\r\nX-A: 1\r\nX-A: 2\r\nSubject: x\r\nX-Last: z\r\n\r\n"
    assert edited(keep) == edited(redirect) == EditedMessage(header, b"body\r\n")


def test_a_header_line_cannot_be_smuggled_in() -> None:
    script = 'require ["editheader", "variables"]; set "a" "x\r\nBcc: y@example.com\r\n\r\nz"; addheader "X" "${a}";'
    header = edited(actions(script, message("Subject: s\n\nb\n"))[0]).header
    assert header == b"X: x Bcc: y@example.com  z\r\nSubject: s\r\n\r\n"


def test_protected_fields_stay() -> None:
    """RFC 5293 §5."""
    assert actions('require ["editheader", "variables"]; set "a" "Received"; deleteheader "${a}";') == IMPLICIT


def test_ihave() -> None:
    """RFC 5463 §4."""
    script = """require "ihave";
        if ihave ["fileinto", "frobnicate"] { fileinto :frob 3 "a"; } elsif ihave "fileinto" { fileinto "b"; }
        else { error "no way to file"; }"""
    assert actions(script) == [FileInto("b")]
    assert actions('require "ihave"; if allof (ihave "frob", frob "x") { frob; } else { discard; }') == DISCARD
    assert "gone" in str(run('require "ihave"; if not ihave "frob" { error "gone"; }').failure)
    assert problems('require "ihave"; if not ihave "fileinto" { stop; } fileinto "x";')


@pytest.mark.parametrize(
    ("verdict", "folders"),
    [
        (SpamVerdict(), ["untested", "no virus scan"]),
        (SpamVerdict(0.0, 1), ["1", "0%"]),
        (SpamVerdict(0.31, 4), ["virus"]),
        (SpamVerdict(1.0, 1), ["10", "100%", "over 5", "over 80%"]),
    ],
)
def test_spam_and_virus(verdict: SpamVerdict, folders: list[str]) -> None:
    """RFC 5235 §2, §3."""
    script = """require ["spamtestplus", "virustest", "relational", "comparator-i;ascii-numeric", "fileinto"];
        if spamtest :count "eq" "0" { fileinto "untested"; }
        if spamtest :is "1" { fileinto "1"; } if spamtest :is "10" { fileinto "10"; }
        if allof (spamtest :percent "0", spamtest :count "ge" "1") { fileinto "0%"; }
        if spamtest :percent "100" { fileinto "100%"; }
        if spamtest :value "ge" :comparator "i;ascii-numeric" "5" { fileinto "over 5"; }
        if spamtest :percent :value "gt" :comparator "i;ascii-numeric" "80" { fileinto "over 80%"; }
        if virustest "0" { fileinto "no virus scan"; }
        if virustest :value "eq" :comparator "i;ascii-numeric" "4" { fileinto "virus"; }"""
    assert actions(script, host=PlainHost(verdict=verdict)) == [FileInto(name) for name in folders]


def test_duplicate() -> None:
    """RFC 7352 §3."""
    script = 'require ["duplicate", "fileinto"]; if duplicate :seconds 60 { fileinto "Trash/Duplicate"; }'
    first = run(script)
    assert first.actions == (Keep(is_implicit=True),)
    (mark,) = first.duplicates
    assert mark == DuplicateMark(mark.key, 60)
    known = PlainHost(duplicates=frozenset({mark.key}))
    again = run(script, host=known)
    assert again.actions == (FileInto("Trash/Duplicate"),)
    assert again.duplicates == ()
    assert run(script.replace(":seconds", ":last :seconds"), host=known).duplicates == (mark,)
    assert run(script.replace(":seconds", ':header "Message-ID" :seconds'), host=known).duplicates == ()
    for other in (':handle "h"', ':uniqueid "x"', ':header "Subject"'):
        assert run(script.replace(":seconds", f"{other} :seconds"), host=known).duplicates != ()
    assert run(script.replace(":seconds", ':header "X-None" :seconds')).duplicates == ()


def test_a_failed_run_marks_nothing() -> None:
    assert run('require ["duplicate", "ihave"]; if not duplicate { error "x"; }').duplicates == ()


def test_external_lists() -> None:
    """RFC 6134 §2."""
    script = """require ["envelope", "extlists", "fileinto", "copy"];
        if valid_ext_list ["urn:ietf:params:sieve:addrbook:default"] { fileinto "known list"; }
        if envelope :list "from" "urn:ietf:params:sieve:addrbook:default" { fileinto "friends"; }
        redirect :list :copy "urn:ietf:params:sieve:addrbook:default";"""
    name = "urn:ietf:params:sieve:addrbook:default"
    host = PlainHost(lists={name: frozenset({"joe@firm.example"})})
    assert actions(script, host=host) == [
        FileInto("known list"), FileInto("friends"), RedirectToList(name),
    ]  # fmt: skip
    assert "unknown list" in str(run(script).failure)


def test_log() -> None:
    """James's own."""
    outcome = run('require ["log", "variables"]; set "a" "b"; log :warn "x ${a}"; log "y";')
    assert outcome.log == (LogLine("warn", "x b"), LogLine("info", "y"))


def test_regex_is_posix() -> None:
    script = 'require ["regex", "variables", "fileinto"]; if header :regex "subject" "{}" {{ fileinto "${{0}}"; }}'
    assert actions(script.format("(Min|Minutes)")) == [FileInto("Minutes")]
    assert "invalid regular expression" in problems(script.format("a**(").replace("${0}", ""))[0].message


def test_addresses_keep_the_body_unread() -> None:
    class Unread:
        header = mail("plain").header
        size = 500

        def body(self) -> bytes:
            raise AssertionError("the body is read")

        structure = body

    found = run('if address "from" "joe@firm.example" { discard; }', Unread(), envelope=Envelope("a@b.c", "d@e.f"))  # type: ignore[arg-type]
    assert found.actions == (Discard(),)


def test_half_a_character_harms_nothing() -> None:
    """UTF-7 can spell a surrogate, which no encoder takes."""
    text = "Subject: =?utf-7?q?+2AA-?=x\nContent-Type: text/plain; charset=utf-7\n\n+2AA-y\n"
    script = """require ["regex", "body", "variables", "fileinto", "editheader", "vacation", "duplicate", "enotify", "foreverypart",
        "extracttext"]; if header :regex "subject" "(.*)x" { set "a" "${1}"; }
        if body :regex "(.*)y" { set "b" "${1}"; } foreverypart { extracttext :first 1 "c"; }
        set :encodeurl "d" "${a}"; addheader "X" "${a}"; if duplicate :header "Subject" { stop; }
        if address :regex "from" "x" { stop; } vacation "${a}"; notify :message "${a}" "mailto:a@b.example";
        fileinto "${a}${b}${c}";"""
    found = actions(script, message(text))[-1]
    assert isinstance(found, FileInto)
    assert found.mailbox.encode()
