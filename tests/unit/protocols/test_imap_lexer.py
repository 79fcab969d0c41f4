"""Tokens of IMAP commands (RFC 3501 §9)."""

import pytest

from compostela.protocols.imap.lexer import MAX_DEPTH, String, SyntaxFault, Token, tokenise


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        (b"", []),
        (b"  \t ", []),
        (b"INBOX", [b"INBOX"]),
        (b"2:4,7:* FLAGS", [b"2:4,7:*", b"FLAGS"]),
        (b"(FLAGS (UID) ())", [[b"FLAGS", [b"UID"], []]]),
        (b"((a)(b))c", [[[b"a"], [b"b"]], b"c"]),
        (b'"a b"', [b"a b"]),
        (b'""', [b""]),
        (rb'"say \"hi\" to C:\\"', [rb'say "hi" to C:' + b"\\"]),
        (b'"a""b"', [b"a", b"b"]),
        (b"+FLAGS.SILENT (\\Seen $Junk)", [b"+FLAGS.SILENT", [b"\\Seen", b"$Junk"]]),
        (b"M\xc3\xbcll", [b"M\xc3\xbcll"]),
        (b"% *", [b"%", b"*"]),
    ],
)
def test_a_line(line: bytes, tokens: list[Token]) -> None:
    assert tokenise([line]) == tokens


def test_a_quoted_atom_is_told_apart_from_an_atom() -> None:
    atom, quoted = tokenise([b'NIL "NIL"'])
    assert not isinstance(atom, String)
    assert isinstance(quoted, String)


@pytest.mark.parametrize(
    "section",
    [
        b"BODY[]",
        b"BODY.PEEK[HEADER.FIELDS (From To)]",
        b'BODY[1.2.HEADER.FIELDS.NOT ("a]b" Date)]<0.20>',
        b"body.peek[TEXT]<1.2>",
    ],
)
def test_a_section_is_one_token_with_its_blanks_and_parentheses(section: bytes) -> None:
    assert tokenise([b"(UID " + section + b" FLAGS)"]) == [[b"UID", section, b"FLAGS"]]


def test_brackets_of_other_atoms_begin_no_section() -> None:
    assert tokenise([b"a[b (c)"]) == [b"a[b", [b"c"]]


def test_literals_stand_where_they_were_sent() -> None:
    assert tokenise([b"(a ", String(b"x\r\ny"), b" b) ", String(b""), b""]) == [[b"a", b"x\r\ny", b"b"], b""]


def test_a_literal_may_name_a_field_of_a_section() -> None:
    pieces = [b"1 BODY[HEADER.FIELDS (", String(b"Subject"), b" To)]"]
    assert tokenise(pieces) == [b"1", b'BODY[HEADER.FIELDS ("Subject" To)]']


def test_a_literal_that_is_no_field_name_does_not_end_the_section_it_is_in() -> None:
    with pytest.raises(SyntaxFault):
        tokenise([b"1 BODY[HEADER.FIELDS (", String(b'a"]'), b")]"])


@pytest.mark.parametrize(
    "line",
    [
        b"(",
        b")",
        b"(a",
        b"a)",
        b'"a',
        b'"a\\x"',
        b'a "',
        b"{5",
        b"a\x00b",
        b"a\x7f",
        b"BODY[",
        b"BODY[HEADER.FIELDS (a",
        b'"a\nb"',
    ],
)
def test_what_is_not_of_the_grammar_is_refused(line: bytes) -> None:
    with pytest.raises(SyntaxFault):
        tokenise([line])


def test_lists_nest_as_deep_as_the_limit_and_no_deeper() -> None:
    tokenise([b"(" * MAX_DEPTH + b")" * MAX_DEPTH])
    with pytest.raises(SyntaxFault, match="too deep"):
        tokenise([b"(" * (MAX_DEPTH + 1) + b")" * (MAX_DEPTH + 1)])
