"""From lines to IMAP commands; many lines are the examples of RFC 3501 §6 and of its extensions."""

from datetime import UTC, datetime

import pytest

from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.numbers import ModSeq
from compostela.model.sequence_set import SequenceSet
from compostela.protocols.imap import commands as c
from compostela.protocols.imap.lexer import SyntaxFault, tokenise
from compostela.protocols.imap.parser import MAX_ID_FIELDS, MAX_PATTERNS, UnknownCommand, parse_append, parse_line
from compostela.protocols.imap.search_keys import MAX_DEPTH, MAX_KEYS, BadCharset


def messages(text: str) -> SequenceSet:
    return SequenceSet.parse(text.encode())


def day(year: int, month: int, number: int) -> int:
    return int(datetime(year, month, number, tzinfo=UTC).timestamp())


HEADER_OF_TWO = c.BodySection((), "HEADER.FIELDS", (b"DATE", b"FROM"), label=b"BODY[HEADER.FIELDS (DATE FROM)]")
PART = c.BodySection((4, 2), "TEXT", peek=True, origin=0, length=2048, label=b"BODY[4.2.TEXT]<0>")
FAST = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("NOOP", c.Simple("NOOP")),
        ("LOGIN SMITH SESAME", c.Login(b"SMITH", b"SESAME")),
        (r'LOGIN "a b" "p\"w"', c.Login(b"a b", b'p"w')),
        ("AUTHENTICATE plain", c.Authenticate("PLAIN")),
        ("AUTHENTICATE PLAIN =", c.Authenticate("PLAIN", b"=")),
        ('ID ("name" "Mutt" "version" NIL)', c.Id(((b"name", b"Mutt"), (b"version", None)))),
        ("ID NIL", c.Id(())),
        ("ENABLE condstore QRESYNC", c.Enable(("CONDSTORE", "QRESYNC"))),
        ("SELECT INBOX", c.Select("INBOX", read_only=False)),
        ("EXAMINE blurdybloop (CONDSTORE)", c.Select("blurdybloop", read_only=True, condstore=True)),
        ("CREATE owatagusiam/", c.MailboxCommand("CREATE", "owatagusiam/")),
        ("CREATE &U,BTFw-", c.MailboxCommand("CREATE", "台北")),
        ("DELETE a&-b", c.MailboxCommand("DELETE", "a&b")),
        ("RENAME blurdybloop sarasoop", c.Rename("blurdybloop", "sarasoop")),
        ('LIST "" *', c.List("", ("*",))),
        ("LIST ~/Mail/ %", c.List("~/Mail/", ("%",))),
        ('LSUB "#news." "comp.mail.*"', c.List("#news.", ("comp.mail.*",), subscribed=True, is_lsub=True)),
        ('LIST (SUBSCRIBED RECURSIVEMATCH) "" %', c.List("", ("%",), subscribed=True, is_recursive=True)),
        (
            'LIST (SPECIAL-USE) "" (INBOX Sent%) RETURN (CHILDREN STATUS (MESSAGES UNSEEN))',
            c.List(
                "",
                ("INBOX", "Sent%"),
                special_use=True,
                returns=frozenset({"CHILDREN", "STATUS"}),
                status_items=("MESSAGES", "UNSEEN"),
            ),
        ),
        ("STATUS blurdybloop (UIDNEXT MESSAGES uidnext)", c.Status("blurdybloop", ("UIDNEXT", "MESSAGES"))),
        ("EXPUNGE", c.Expunge()),
        ("UID EXPUNGE 3000:3002", c.Expunge(messages("3000:3002"))),
        (
            "FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
            c.Fetch(messages("2:4"), ("FLAGS", HEADER_OF_TWO), False),
        ),
        ("FETCH 1 BODY.PEEK[4.2.TEXT]<0.2048>", c.Fetch(messages("1"), (PART,), False)),
        ("FETCH 1 FAST", c.Fetch(messages("1"), FAST, False)),
        ("FETCH 1 all", c.Fetch(messages("1"), (*FAST, "ENVELOPE"), False)),
        ("FETCH 1 FULL", c.Fetch(messages("1"), (*FAST, "ENVELOPE", "BODY"), False)),
        ("FETCH 1 (UID uid)", c.Fetch(messages("1"), ("UID",), False)),
        (
            "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)",
            c.Fetch(messages("1:*"), ("UID", "FLAGS", "MODSEQ"), True, ModSeq(12345)),
        ),
        (
            "FETCH 1 RFC822.HEADER",
            c.Fetch(messages("1"), (c.BodySection((), "HEADER", peek=True, label=b"RFC822.HEADER"),), False),
        ),
        (
            r"STORE 2:4 +FLAGS (\Deleted)",
            c.Store(messages("2:4"), FlagsMode.ADD, Flags.of(SystemFlag.DELETED), False, False),
        ),
        (
            r"UID STORE 7 (UNCHANGEDSINCE 320162338) -FLAGS.SILENT \Seen $Junk $junk",
            c.Store(
                messages("7"),
                FlagsMode.REMOVE,
                Flags.of(SystemFlag.SEEN, keywords=("$Junk",)),
                True,
                True,
                ModSeq(320162338),
            ),
        ),
        (r"STORE 1 FLAGS ()", c.Store(messages("1"), FlagsMode.REPLACE, Flags(), False, False)),
        (r"STORE 1 FLAGS (\Recent)", c.Store(messages("1"), FlagsMode.REPLACE, Flags(), False, False)),
        ("COPY 2:4 MEETING", c.Copy(messages("2:4"), "MEETING", False, False)),
        ("UID MOVE 42:69 foo", c.Copy(messages("42:69"), "foo", True, True)),
    ],
)
def test_a_command(line: str, command: c.Command) -> None:
    name, _, arguments = line.partition(" ")
    if name == "UID":
        word, _, arguments = arguments.partition(" ")
        name = f"UID {word}"
    assert parse_line(name, arguments.encode()) == command
    # a second time, from what was remembered of the first
    assert parse_line(name, arguments.encode()) == command


def found(line: str) -> c.SearchKey:
    command = parse_line("SEARCH", line.encode())
    assert isinstance(command, c.Search)
    return command.key


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("ALL", c.SearchKey("ALL")),
        ("4:7,*", c.SearchKey("SEQUENCE", SequenceSet.parse(b"4:7,*"))),
        ("uid 1:*", c.SearchKey("UID", SequenceSet.parse(b"1:*"))),
        ('FROM "Smith"', c.SearchKey("FROM", "Smith")),
        ("HEADER Message-ID <a@b>", c.SearchKey("HEADER", (b"Message-ID", "<a@b>"))),
        ("SINCE 1-Feb-1994", c.SearchKey("SINCE", day(1994, 2, 1))),
        ("LARGER 4096", c.SearchKey("LARGER", 4096)),
        ("YOUNGER 259200", c.SearchKey("YOUNGER", 259200)),
        ("UNKEYWORD $Junk", c.SearchKey("UNKEYWORD", "$Junk")),
        ('MODSEQ "/flags/\\\\draft" all 620162338', c.SearchKey("MODSEQ", ModSeq(620162338))),
        ("EMAILID M6d99ac3275bb4e", c.SearchKey("EMAILID", "M6d99ac3275bb4e")),
        ("NOT (SEEN)", c.SearchKey("NOT", keys=(c.SearchKey("SEEN"),))),
        ("OR SEEN DRAFT", c.SearchKey("OR", keys=(c.SearchKey("SEEN"), c.SearchKey("DRAFT")))),
        (
            'FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"',
            c.SearchKey(
                "AND",
                keys=(
                    c.SearchKey("FLAGGED"),
                    c.SearchKey("SINCE", day(1994, 2, 1)),
                    c.SearchKey("NOT", keys=(c.SearchKey("FROM", "Smith"),)),
                ),
            ),
        ),
    ],
)
def test_a_search(line: str, key: c.SearchKey) -> None:
    assert found(line) == key


def test_a_search_in_a_charset_has_its_texts_decoded() -> None:
    command = parse_line("UID SEARCH", b'CHARSET ISO-8859-1 SUBJECT "M\xfcll"')
    assert command == c.Search(c.SearchKey("SUBJECT", "Müll"), uid=True, charset="ISO-8859-1")


@pytest.mark.parametrize("name", [b"nonsense", b"rot13", b"utf-7", b"idna"])
def test_a_codec_of_python_that_is_no_charset_is_not_taken(name: bytes) -> None:
    with pytest.raises(BadCharset):
        parse_line("SEARCH", b"CHARSET " + name + b" TEXT a")


def test_search_keys_are_limited_in_depth_and_number() -> None:
    found("NOT " * MAX_DEPTH + "ALL")
    found("ALL " * MAX_KEYS)
    with pytest.raises(SyntaxFault, match="too deep"):
        found("NOT " * (MAX_DEPTH + 1) + "ALL")
    with pytest.raises(SyntaxFault, match="Too many"):
        found("ALL " * (MAX_KEYS + 1))


@pytest.mark.parametrize(
    ("arguments", "date"),
    [
        (b'saved (\\Seen) " 7-Feb-1994 21:52:25 -0800"', datetime(1994, 2, 8, 5, 52, 25, tzinfo=UTC)),
        (b'saved (\\Seen) "07-feb-1994 21:52:25 +0530"', datetime(1994, 2, 7, 16, 22, 25, tzinfo=UTC)),
    ],
)
def test_the_arguments_of_append_before_its_message(arguments: bytes, date: datetime) -> None:
    expected = c.Append("saved", Flags.of(SystemFlag.SEEN), int(date.timestamp()), 310)
    assert parse_append(tokenise([arguments]), 310) == expected


def test_append_needs_neither_flags_nor_date() -> None:
    assert parse_append(tokenise([b"INBOX"]), 5) == c.Append("INBOX", Flags(), None, 5)


@pytest.mark.parametrize(
    "arguments",
    [
        b"",
        b"a b",
        b"a (\\Recent) b c",
        b"a (\\Nonsense)",
        b'a "31-Feb-1994 21:52:25 +0000"',
        b'a "01-Jan-0001 00:00:00 +0100"',
        b'a "1-Foo-1994 21:52:25 +0000"',
    ],
)
def test_wrong_arguments_of_append(arguments: bytes) -> None:
    with pytest.raises(SyntaxFault):
        parse_append(tokenise([arguments]), 5)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("NOOP", "x"),
        ("LOGIN", "a"),
        ("LOGIN", "a b c"),
        ("LOGIN", "(a) b"),
        ("ID", "(a)"),
        ("ID", "(" + "a b " * (MAX_ID_FIELDS + 1) + ")"),
        ("ENABLE", ""),
        ("SELECT", "a (NONSENSE)"),
        ("SELECT", "&AB-"),
        ("LIST", '(RECURSIVEMATCH) "" %'),
        ("LIST", '"" ()'),
        ("LIST", '"" (' + "a " * (MAX_PATTERNS + 1) + ")"),
        ("LIST", '"" % RETURN (NONSENSE)'),
        ("STATUS", "a ()"),
        ("STATUS", "a (NONSENSE)"),
        ("FETCH", "0 FLAGS"),
        ("FETCH", "1"),
        ("FETCH", "1 ()"),
        ("FETCH", "1 NONSENSE"),
        ("FETCH", '1 "FLAGS"'),
        ("FETCH", "1 BODY[0]"),
        ("FETCH", "1 BODY[MIME]"),
        ("FETCH", "1 BODY[HEADER.FIELDS]"),
        ("FETCH", "1 BODY[TEXT (From)]"),
        ("FETCH", "1 BODY[]<0.0>"),
        ("FETCH", "1 FLAGS (CHANGEDSINCE x)"),
        ("FETCH", "1 FLAGS (CHANGEDSINCE 9223372036854775808)"),
        ("STORE", "1 FLAGS"),
        ("STORE", "1 FLAGS.LOUD (\\Seen)"),
        ("STORE", '1 FLAGS ("a")'),
        ("STORE", "1 FLAGS (a]b)"),
        ("COPY", "1:a INBOX"),
        ("COPY", "4294967296 INBOX"),
        ("SEARCH", ""),
        ("SEARCH", "NONSENSE"),
        ("SEARCH", "NOT"),
        ("SEARCH", "OR SEEN"),
        ("SEARCH", "SINCE 31-Feb-1994"),
        ("SEARCH", "LARGER x"),
        ("SEARCH", "FROM (a)"),
    ],
)
def test_what_is_not_of_the_grammar_is_refused(name: str, arguments: str) -> None:
    with pytest.raises(SyntaxFault):
        parse_line(name, arguments.encode())


def test_an_unknown_command_is_told_apart_from_wrong_arguments() -> None:
    with pytest.raises(UnknownCommand):
        parse_line("XYZZY", b"")
