"""DNSRBLHandler and URIRBLHandler at the wire, against a name server on loopback."""

import base64
from pathlib import Path

import pytest

from tests.dialogues.hooks import NETWORK, send, with_hooks
from tests.dialogues.smtp import plain

CLIENT = "1.0.0.127"
MAIL = ("MAIL FROM:<ann@sender.example>", "RCPT TO:<bob@example.org>")
LISTED = {"A": ["127.0.0.2"], "TXT": ['"127.0.0.1 sent much,\\010see https://bl.example/"']}


def rbl(*lists: str, more: str = "") -> str:
    servers = "".join(f"<{kind}list>{zone}.</{kind}list>" for kind, zone in (one.split(":") for one in lists))
    return f'<handler class="org.apache.james.smtpserver.fastfail.DNSRBLHandler"><rblservers>{servers}</rblservers>{more}</handler>'


def uribl(more: str = "") -> str:
    server = "<uriRblServers><server>uri.example</server><server>other.example</server></uriRblServers>"
    return f'<handler class="org.apache.james.smtpserver.fastfail.URIRBLHandler"><action>reject</action>{server}{more}</handler>'


async def test_a_client_on_a_black_list_is_refused_at_rcpt_and_asked_for_once(tmp_path: Path) -> None:
    zone = {f"{CLIENT}.bl.example": LISTED}
    async with with_hooks(tmp_path, rbl("black:none.example", "black:bl.example"), zone) as (c, names):
        await c.client(*MAIL, "RCPT TO:<ann@example.org>", "RSET", *MAIL)
        refusal = "554 5.7.1 Rejected: mail from 127.0.0.1 is refused, see the block list bl.example"
        await c.server("250 2.1.0", refusal, refusal, "250 2.0.0", "250 2.1.0", refusal)
        assert sorted(names.questions) == [(f"{CLIENT}.bl.example", "A"), (f"{CLIENT}.none.example", "A")]


async def test_a_list_that_fails_is_asked_once_in_a_connection_too(tmp_path: Path) -> None:
    failing = f"{CLIENT}.bl.example"
    async with with_hooks(tmp_path, rbl("black:bl.example"), failing=[failing]) as (c, names):
        await c.client(*MAIL, "RCPT TO:<ann@example.org>")
        await c.server("250 2.1.0", "250 2.1.5", "250 2.1.5")
        # what failed is not remembered by the resolver
        assert names.questions == [(failing, "A")]


async def test_who_is_on_a_black_list_can_write_to_the_postmaster(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, rbl("black:bl.example"), {f"{CLIENT}.bl.example": LISTED}) as (c, _):
        await c.client(MAIL[0], "RCPT TO:<postmaster@example.org>")
        await c.server("250 2.1.0", "250 2.1.5")


async def test_the_list_tells_why(tmp_path: Path) -> None:
    handler = rbl("black:bl.example", more="<getDetail>true</getDetail>")
    async with with_hooks(tmp_path, handler, {f"{CLIENT}.bl.example": LISTED}) as (c, _):
        await c.client(*MAIL)
        assert await c.server("250 2.1.0", "554 ") == "554 5.7.1 127.0.0.1 sent much, see https://bl.example/"


async def test_a_list_without_words_gets_the_usual_ones(tmp_path: Path) -> None:
    handler = rbl("black:bl.example", more="<getDetail>true</getDetail>")
    async with with_hooks(tmp_path, handler, {f"{CLIENT}.bl.example": {"A": ["127.0.0.4"]}}) as (c, _):
        await c.client(*MAIL)
        await c.server("250 2.1.0", "554 5.7.1 Rejected: mail from 127.0.0.1")


async def test_a_white_list_has_the_last_word(tmp_path: Path) -> None:
    zone = {f"{CLIENT}.bl.example": LISTED, f"{CLIENT}.wl.example": {"A": ["127.0.0.2"]}}
    async with with_hooks(tmp_path, rbl("white:wl.example", "black:bl.example"), zone) as (c, _):
        await c.client(*MAIL)
        await c.server("250 2.1.0", "250 2.1.5")


async def test_a_silent_white_list_means_later(tmp_path: Path) -> None:
    zone, failing = {f"{CLIENT}.bl.example": LISTED}, [f"{CLIENT}.wl.example"]
    async with with_hooks(tmp_path, rbl("white:wl.example", "black:bl.example"), zone, failing=failing) as (c, _):
        await c.client(*MAIL)
        await c.server("250 2.1.0", "451 4.7.1 Temporarily rejected: Problem on block list lookup")


@pytest.mark.parametrize("answer", ["192.0.2.1", "127.255.255.254"])
async def test_an_answer_that_is_none_lists_nobody(tmp_path: Path, answer: str) -> None:
    async with with_hooks(tmp_path, rbl("black:bl.example"), {f"{CLIENT}.bl.example": {"A": [answer]}}) as (c, _):
        await c.client(*MAIL)
        await c.server("250 2.1.0", "250 2.1.5")


async def test_a_client_waits_no_longer_than_the_limit_for_silent_lists(tmp_path: Path) -> None:
    handler, silent = rbl("black:bl.example", more="<timeout>50 ms</timeout>"), [f"{CLIENT}.bl.example"]
    async with with_hooks(tmp_path, handler, silent=silent) as (c, _):
        await c.client(*MAIL)
        await c.server("250 2.1.0", "250 2.1.5")


async def test_one_silent_list_does_not_hide_another(tmp_path: Path) -> None:
    zone, silent = {f"{CLIENT}.bl.example": LISTED}, [f"{CLIENT}.down.example"]
    handler = rbl("black:down.example", "black:bl.example", more="<timeout>1 hour</timeout>")
    async with with_hooks(tmp_path, handler, zone, silent=silent) as (c, _):
        await c.client(*MAIL)
        await c.server("250 2.1.0", "554 5.7.1")


@pytest.mark.parametrize("elements", [NETWORK, ""])
async def test_who_may_relay_is_not_asked_about(tmp_path: Path, elements: str) -> None:
    handlers = rbl("black:bl.example") + uribl()
    async with with_hooks(tmp_path, handlers, {f"{CLIENT}.bl.example": LISTED}, elements=elements) as (c, names):
        if not elements:
            await c.client(f"AUTH PLAIN {plain('bob@example.org')}")
            await c.server("235 ")
        assert (await send(c, "", "http://spam.example/")).startswith("250 2.6.0")
        assert names.questions == []


async def test_links_of_those_who_may_relay_are_looked_at_too_if_wished(tmp_path: Path) -> None:
    handlers, zone = uribl("<checkAuthNetworks>true</checkAuthNetworks>"), {"spam.example.uri.example": LISTED}
    async with with_hooks(tmp_path, handlers, zone, elements=NETWORK) as (c, _):
        assert (await send(c, "", "http://spam.example/")).startswith("554 5.7.0")


TEXT = ("Subject: x", "", "Look at https://user:1@WWW.Shop.Spam.example:8080/a?b, today.")
PLAIN_WWW = ("", "just (www.spam.example) there")
MAILTO = ("", "write to mailto:ann@spam.example")
LITERAL = ("", "http://192.0.2.7/")
PERCENT = ("", "http://sp%61m.example/")
QUOTED = (
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "http://sp=",
    "am.example/",
)
BASE64 = ("Content-Transfer-Encoding: base64", "", base64.b64encode(b"see http://spam.example/").decode())
HTML = ("Content-Type: text/html", "", '<a class="x" href="&#104;ttp://x.spam.example/">here</a>')
RELATIVE = ("Content-Type: text/html", "", "<img src = '//spam.example/x.png'>")
IDN = ("Content-Type: text/plain; charset=utf-8", "", "http://bücher.example/")
SECOND_PART = (
    'Content-Type: multipart/alternative; boundary="b"', "", "--b", "", "nothing", "--b", "Content-Type: text/html", "",
    "<a href=http://spam.example>", "--b--",
)  # fmt: skip
FORWARDED = ("Content-Type: message/rfc822", "", "Content-Transfer-Encoding: 7bit", "", "ftp://spam.example")


@pytest.mark.parametrize(
    ("message", "listed"),
    [
        (TEXT, "spam.example"),
        (PLAIN_WWW, "spam.example"),
        (MAILTO, "spam.example"),
        (LITERAL, "192.0.2.7"),
        (PERCENT, "spam.example"),
        (QUOTED, "spam.example"),
        (BASE64, "spam.example"),
        (HTML, "spam.example"),
        (RELATIVE, "spam.example"),
        (IDN, "xn--bcher-kva.example"),
        (SECOND_PART, "spam.example"),
        (FORWARDED, "spam.example"),
    ],
    ids=[
        "text",
        "www",
        "mailto",
        "address",
        "percent",
        "quoted",
        "base64",
        "html",
        "relative",
        "idn",
        "part",
        "forwarded",
    ],
)
async def test_a_listed_domain_in_the_text_is_refused(tmp_path: Path, message: tuple[str, ...], listed: str) -> None:
    zone = {f"{name}.uri.example": LISTED for name in ("spam.example", "7.2.0.192", "xn--bcher-kva.example")}
    async with with_hooks(tmp_path, uribl(), zone) as (c, _):
        answer = await send(c, *message)
        assert answer == f"554 5.7.0 Rejected: the message names {listed}, which is on the list uri.example"


async def test_a_domain_below_a_public_suffix_of_two_labels_is_found(tmp_path: Path) -> None:
    zone = {"spam.co.example.other.example": LISTED}
    async with with_hooks(tmp_path, uribl("<getDetail>true</getDetail>"), zone) as (c, names):
        assert (await send(c, "", "http://a.b.spam.co.example/")).startswith("554 5.7.0 127.0.0.1 sent much")
        assert {name for name, _ in names.questions} == {
            f"{domain}.{server}.example" for domain in ("spam.co.example", "co.example") for server in ("uri", "other")
        }


async def test_other_messages_pass(tmp_path: Path) -> None:
    zone = {"spam.example.uri.example": LISTED}
    async with with_hooks(tmp_path, uribl(), zone) as (c, names):
        for message in (
            ("", "http://good.example/"),
            ("", "spam.example"),
            ("Content-Type: image/png", "", "http://spam.example"),
        ):
            assert (await send(c, *message)).startswith("250 2.6.0")
        assert {name for name, _ in names.questions} == {"good.example.uri.example", "good.example.other.example"}


async def test_a_list_that_refuses_to_answer_lists_nothing(tmp_path: Path) -> None:
    zone = {"spam.example.uri.example": {"A": ["127.0.0.1"]}}
    async with with_hooks(tmp_path, uribl(), zone, failing=["spam.example.other.example"]) as (c, _):
        assert (await send(c, "", "http://spam.example/")).startswith("250 2.6.0")


async def test_silent_lists_of_domains_cost_no_more_than_the_limit(tmp_path: Path) -> None:
    silent = ["spam.example.uri.example", "spam.example.other.example"]
    async with with_hooks(tmp_path, uribl("<timeout>50 ms</timeout>"), silent=silent) as (c, _):
        assert (await send(c, "", "http://spam.example/")).startswith("250 2.6.0")


async def test_a_link_in_a_larger_message_is_found(tmp_path: Path) -> None:
    zone = {"spam.example.uri.example": LISTED}
    async with with_hooks(tmp_path, uribl(), zone) as (c, _):
        for lines in (300, 6000):
            text = ["nothing to see on this line but letters and blanks"] * lines
            assert (await send(c, "", *text, "http://spam.example/")).startswith("554 5.7.0")


async def test_only_so_many_domains_are_asked_for(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, uribl("<maxDomains>3</maxDomains>")) as (c, names):
        text = [f"http://host{number}.example/" for number in range(1000)]
        assert (await send(c, "", *text)).startswith("250 2.6.0")
        assert len(names.questions) == 2 * 3 * 2
