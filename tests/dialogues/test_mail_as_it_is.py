"""Mail as it is on the Internet, at the wire: appended as it is, then fetched and searched."""

import asyncio
from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.imap_session import log_in
from compostela.testing.server import running

CASES = Path(__file__).parents[1] / "data" / "cases"
CORPUS = sorted((Path(__file__).parents[1] / "data" / "corpus").glob("*.msg"))


async def append(c: Conversation, octets: bytes) -> None:
    await c.octets(b"ap APPEND INBOX {%d+}\r\n%s\r\n" % (len(octets), octets))
    await c.until("ap OK [APPENDUID ")


async def search(c: Conversation, keys: str) -> str:
    text = keys.encode()
    at = text.find(b'"')
    if text.isascii() or at < 0:
        await c.client(f"s SEARCH {keys}")
    else:
        wanted = text[at:].strip(b'"')
        await c.octets(b"s SEARCH CHARSET UTF-8 %s{%d+}\r\n%s\r\n" % (text[:at], len(wanted), wanted))
    return (await c.until("s OK"))[-2].removeprefix("* SEARCH").strip()


async def answered(c: Conversation) -> list[str]:
    """Lines up to `f OK`, empty ones among them."""
    lines: list[str] = []
    while len(lines) < 10_000 and not (line := await c.line()).startswith("f OK"):
        lines.append(line)
    return lines


async def fetch(c: Conversation, item: str) -> str:
    await c.client(f"f FETCH 1 {item}")
    return "\r\n".join(await answered(c)).removeprefix("* 1 FETCH (").removesuffix(")")


SEARCHES = [
    ("04-sent-date", "SENTON 1-Jan-2024", "1"),
    ("04-sent-date", "SENTSINCE 2-Jan-2024", ""),
    ("04-sent-date", "SENTBEFORE 2-Jan-2024", "1"),
    ("06-split-character", 'SUBJECT "Köln"', "1"),
    ("07a-gb2312", 'SUBJECT "朱镕基"', "1"),
    ("07a-gb2312", 'BODY "朱镕基"', "1"),
    ("07b-ks_c_5601-1987", 'SUBJECT "뷁"', "1"),
    ("07b-ks_c_5601-1987", 'BODY "뷁"', "1"),
    ("07c-shift_jis", 'SUBJECT "①髙"', "1"),
    ("07c-shift_jis", 'BODY "①髙"', "1"),
    ("07f-iso-8859-1", 'SUBJECT "“€”"', "1"),
    ("07f-iso-8859-1", 'BODY "“€”"', "1"),
    ("07g-iso-2022-jp", 'SUBJECT "会議①"', "1"),
    ("07g-iso-2022-jp", 'BODY "会議①"', "1"),
    ("07h-x-sjis", 'SUBJECT "会議"', "1"),
    ("07h-x-sjis", 'BODY "会議"', "1"),
    ("07m-x-mac-roman", 'SUBJECT "é"', "1"),
    ("07m-x-mac-roman", 'BODY "é"', "1"),
    ("08-one-bad-octet", 'BODY "größe"', "1"),
    ("09a-cte", "BODY walrus", "1"),
    ("09c-cte", "BODY walrus", "1"),
    ("10-attached-header", "BODY zebrafish", "1"),
    ("10-attached-header", "TEXT zebrafish", "1"),
    ("10-attached-header", "SUBJECT zebrafish", ""),
    ("11-tab-fold", 'SUBJECT "annual report"', "1"),
    ("11-tab-fold", 'TEXT "annual report"', "1"),
    ("18-latin1-header", 'SUBJECT "Grüße"', "1"),
    ("18-latin1-header", 'SUBJECT "Grûße"', ""),
    ("19-q-blank", 'SUBJECT "Fußball heute"', "1"),
    ("02-base64-rfc822", "TEXT hi", "1"),
    ("02b-rfc822-52-deep", "TEXT deepest", "1"),
    ("20a-filename-blanks", 'TEXT "my long name.pdf"', "1"),
    ("20c-boundary-blank", "BODY one", "1"),
]


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _, _ in SEARCHES))
async def test_search_finds_what_a_reader_sees(tmp_path: Path, name: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await log_in(c)
        await append(c, (CASES / f"{name}.eml").read_bytes())
        await c.client("a SELECT INBOX")
        await c.until("a OK")
        for keys in (keys for case, keys, _ in SEARCHES if case == name):
            wanted = next(found for case, other, found in SEARCHES if (case, other) == (name, keys))
            assert await search(c, keys) == wanted, keys


SHOWN = [
    (
        "03-root-rfc822",
        {
            "BODY.PEEK[1]": "BODY[1] {30}\r\nSubject: inner\r\n\r\ninner body\r\n",
            "BODY.PEEK[1.HEADER]": "BODY[1.HEADER] {18}\r\nSubject: inner\r\n\r\n",
            "BODY.PEEK[1.TEXT]": "BODY[1.TEXT] {12}\r\ninner body\r\n",
            "BODY.PEEK[1.1]": "BODY[1.1] {12}\r\ninner body\r\n",
            "BODY.PEEK[1.MIME]": "BODY[1.MIME] {67}\r\nSubject: outer\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n",
            "BODY.PEEK[1.1.1]": "BODY[1.1.1] NIL",
        },
    ),
    ("02-base64-rfc822", {"BODY": 'BODY (("application" "octet-stream" NIL NIL NIL "base64" 24) "mixed")'}),
    (
        "09a-cte",
        {"BODY": 'BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "base64" 10 1)'},
    ),
    ("09c-cte", {"BODY": 'BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "base64" 10 1)'}),
    ("09f-ct-comment", {"BODY": 'BODY ("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 3 1)'}),
    ("16-no-such-part", {"BODY.PEEK[1.1]": "BODY[1.1] NIL", "BODY.PEEK[1.HEADER]": "BODY[1.HEADER] NIL"}),
    (
        "20a-filename-blanks",
        {
            "BODYSTRUCTURE": 'BODYSTRUCTURE ("application" "pdf" NIL NIL NIL "7bit" 3 NIL '
            '("attachment" ("filename" "my long name.pdf")) NIL NIL)'
        },
    ),
    (
        "20c-boundary-blank",
        {"BODY": 'BODY (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0) "mixed")'},
    ),
]


@pytest.mark.parametrize(("name", "items"), SHOWN, ids=lambda value: value if isinstance(value, str) else "")
async def test_fetch_shows(tmp_path: Path, name: str, items: dict[str, str]) -> None:
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await log_in(c)
        await append(c, (CASES / f"{name}.eml").read_bytes())
        await c.client("a SELECT INBOX")
        await c.until("a OK")
        for item, answer in items.items():
            assert await fetch(c, item) == answer


MAILS = [
    (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\nno parts, unicorn\r\n",
        {"BODY": 'BODY ("text" "plain" ("boundary" "b") NIL NIL "7bit" 19 1)'},
        "BODY unicorn",
    ),
    (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b trailing words\r\n\r\none\r\n--bc\r\n--b-- end\r\n",
        {"BODY.PEEK[1]": "BODY[1] {9}\r\none\r\n--bc"},
        "BODY one",
    ),
    (
        b"From: user@domain.example (Real Name)\r\n\r\nx",
        {
            "ENVELOPE": "ENVELOPE (NIL NIL "
            + '(("Real Name" NIL "user" "domain.example")) ' * 3
            + "NIL NIL NIL NIL NIL)"
        },
        'FROM "real name"',
    ),
    (b"From: user (c)@ (c) domain.example\r\n\r\nx", {}, "FROM user@domain.example"),
    (
        b"Content-Disposition: attachment; filename*=UTF-8''%c3%bc.txt\r\n\r\nx",
        {
            "BODYSTRUCTURE": 'BODYSTRUCTURE ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0 NIL '
            '("attachment" ("filename*" "UTF-8\'\'%c3%bc.txt")) NIL NIL)'
        },
        'TEXT "ü.txt"',
    ),
    (
        b"Content-Disposition: filename=report (1).pdf\r\nContent-Language: de (German), en\r\n\r\nx",
        {
            "BODYSTRUCTURE": 'BODYSTRUCTURE ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0 NIL '
            '("attachment" ("filename" "report (1).pdf")) ("de" "en") NIL)'
        },
        'TEXT "report (1).pdf"',
    ),
    (
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Final-Recipient: rfc822; unicorn@example.net\r\n--b--\r\n",
        {"BODY": 'BODY (("message" "delivery-status" NIL NIL NIL "7bit" 44) "report")'},
        "BODY unicorn@example.net",
    ),
    (
        b"Content-Type: text/rfc822-headers\r\n\r\nSubject: =?utf-8?Q?K=C3=B6ln?=\r\n\tam Rhein\r\n",
        {},
        'BODY "köln am rhein"',
    ),
    (
        b'Content-Type: multipart/mixed; boundary="b "\r\n\r\n--b \r\n\r\none\r\n--b --\r\nunicorn\r\n',
        {"BODY": 'BODY (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0) "mixed")'},
        "BODY one",
    ),
    (
        b" Subject: leading\r\nFrom: x@example.net\r\n\r\nbody\r\n",
        {"BODY.PEEK[HEADER]": "BODY[HEADER] {0}\r\n"},
        "BODY leading",
    ),
]


@pytest.mark.parametrize(("octets", "items", "keys"), MAILS, ids=range(len(MAILS)))
async def test_odd_mails_are_shown_and_found(tmp_path: Path, octets: bytes, items: dict[str, str], keys: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await log_in(c)
        await append(c, octets)
        await c.client("a SELECT INBOX")
        await c.until("a OK")
        for item, answer in items.items():
            assert await fetch(c, item) == answer
        assert await search(c, keys) == "1"


async def test_nul_never_leaves_in_a_literal(tmp_path: Path) -> None:
    """RFC 3501 §9, CHAR8. The sizes stay those of the message."""
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await log_in(c)
        await append(c, (CASES / "15-nul.eml").read_bytes() + (b"\0" * 1000 + b"\r\n") * 300)
        await append(c, b"Subject: n\0n\r\nX\0: y\r\n\r\nx")
        await c.client("a SELECT INBOX")
        await c.until("a OK")
        for item in ("BODY[]", "BODY[TEXT]", "BODY[1]", "BODY[TEXT]<1.1>", "RFC822", "BODY[HEADER]", "BODY[1.MIME]",
                     "BODY[HEADER.FIELDS (SUBJECT)]", "ENVELOPE"):  # fmt: skip
            await c.client(f"f FETCH 1:2 ({item} RFC822.SIZE)")
            lines = await answered(c)
            assert 2 <= len(lines) < 1000, item
            assert "\0" not in "".join(lines), item


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
async def test_difficult_mails_are_kept_and_served(tmp_path: Path, path: Path) -> None:
    octets = path.read_bytes()
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await log_in(c)
        await append(c, octets)
        await c.client("a SELECT INBOX")
        await c.until("a OK")
        shown = await fetch(c, "(ENVELOPE BODYSTRUCTURE BODY.PEEK[1] BODY.PEEK[1.MIME])")
        assert shown.startswith("ENVELOPE (")
        assert "BODY[1] {" in shown
        whole = await fetch(c, "BODY.PEEK[]")
        assert whole.startswith(f"BODY[] {{{len(octets)}}}")


async def test_keywords_have_no_case(tmp_path: Path) -> None:
    """RFC 3501 §2.3.2: the first spelling stays."""
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await log_in(c)
        await append(c, b"Subject: x\r\n\r\nx")
        await append(c, b"Subject: x\r\n\r\nx")
        await c.client("a SELECT INBOX")
        await c.until("a OK")
        await c.client("b STORE 1 +FLAGS.SILENT ($Junk)")
        await c.until("b OK")
        await c.client("c STORE 1:2 +FLAGS.SILENT ($junk)")
        await c.until("c OK")
        for number in (1, 2):
            await c.client(f"d FETCH {number} FLAGS")
            assert "$Junk" in (line := (await c.until("d OK"))[-2])
            assert "$junk" not in line
        assert await search(c, "KEYWORD $JUNK") == "1 2"
        assert await search(c, "UNKEYWORD $jUNK") == ""
        await c.client("e STORE 1 -FLAGS ($JUNK)")
        await c.until("e OK")
        assert await search(c, "KEYWORD $Junk") == "2"


@pytest.mark.parametrize(
    "literal", ["[IPv6:zz]", "[999.1.1.1]", "[1.2.3]", "[IPv6:::1:2:3:4:5:6:7:8:9]", "[IPv6:1.2.3.4]", "[::1]", "[x]"]
)
async def test_bad_address_literals_are_refused(tmp_path: Path, literal: str) -> None:
    """RFC 5321 §4.1.3."""
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        await c.client(f"MAIL FROM:<x@{literal}>")
        await c.server("501 5.1.7")
        await c.client("MAIL FROM:<x@[IPv6:::1]>")
        await c.server("250 ")


async def test_a_mail_without_header_gets_an_empty_line_before_its_first(tmp_path: Path) -> None:
    """What is added before it, Received among it, must not run into it."""
    async with running(tmp_path) as server:
        async with conversation(server.ports["smtp"]) as c:
            await c.server("220 ")
            await c.client("EHLO client.example")
            await c.until("250 ")
            await c.client("MAIL FROM:<x@example.net>", "RCPT TO:<bob@example.org>", "DATA")
            await c.until("354 ")
            await c.octets((CASES / "17-first-line-blank.eml").read_bytes() + b".\r\n")
            await c.until("250 2.6.0")
        async with conversation(server.ports["imap"]) as c:
            await log_in(c)
            await c.client("a SELECT INBOX")
            await c.until("a OK")
            for _ in range(200):
                await c.client("n NOOP")
                await c.until("n OK")
                if await search(c, "ALL"):
                    break
                await asyncio.sleep(0.02)
            shown = await fetch(c, "BODY.PEEK[]")
            assert "\r\n\r\n Subject: leading\r\nFrom: x@example.net\r\n\r\nbody\r\n" in shown
            assert "BODY[TEXT] {48}" in (await fetch(c, "BODY.PEEK[TEXT]"))
