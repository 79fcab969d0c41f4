"""Our signatures hold for ourselves and for dkimpy, an implementation apart from ours."""

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compostela.mailauth.dkim.private_key import load_private_key
from compostela.mailauth.dkim.signing import SENDER_DOMAIN, DkimSigner, parse_template
from compostela.mailauth.dkim.tags import DkimSyntaxError
from compostela.mailauth.dkim.verification import DkimStatus
from tests.unit.mailauth.dkim.samples import BODY, FOLDER, HEADER, verify
from tests.unit.mailauth.dkim.signing import key_of, pem, record

TEMPLATE = "v=1; s=s1; d=own.example; h=from:to:subject; c={}; bh=; b=;"
SIGNED_AT = 1_700_000_000
FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "relaxed"]
BODIES = [b"", b"\r\n", BODY, b" a \t b  \r\n\r\n \r\n", b"no line end", b"x" * 1_000_000 + b"\r\n\r\n\r\n"]


def signed(header: bytes, body: bytes, template: str = TEMPLATE.format("relaxed"), kind: str = "rsa") -> bytes:
    """The header block with the signature on top."""
    key = key_of(kind)
    parsed = parse_template(template, key.algorithm.value)
    domain = "own.example" if parsed.domain == SENDER_DOMAIN else parsed.domain
    return DkimSigner(parsed, key).sign(header, body, domain, SIGNED_AT) + b"\r\n" + header


async def status(header: bytes, body: bytes, kind: str = "rsa") -> DkimStatus:
    (result,) = await verify(header, body, {"s1._domainkey.own.example": record(kind)})
    return result.status


def dkimpy_agrees(message: bytes) -> bool:
    return bool(dkim.verify(message, dnsfunc=lambda name, timeout=5: record().encode()))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_a_signature_holds(form: str, body: bytes) -> None:
    header = signed(HEADER, body, TEMPLATE.format(form))
    assert await status(header, body) is DkimStatus.PASS
    assert dkimpy_agrees(header + body)


async def test_with_ed25519() -> None:
    header = signed(HEADER, BODY, kind="ed25519")
    assert b" a=ed25519-sha256;" in header
    assert await status(header, BODY, "ed25519") is DkimStatus.PASS


async def test_what_is_signed_must_not_change() -> None:
    header = signed(HEADER, BODY)
    assert await status(header, BODY + b"more\r\n") is DkimStatus.FAIL
    assert await status(header.replace(b"Lunch", b"Supper"), BODY) is DkimStatus.FAIL


async def test_a_field_that_is_named_once_more_cannot_be_added() -> None:
    template = "s=s1; d=own.example; h=from:from:subject:subject:reply-to; c=relaxed"
    header = signed(HEADER, BODY, template)
    assert await status(header, BODY) is DkimStatus.PASS
    for added in (b"From: Eve <eve@own.example>\r\n", b"Subject: Money\r\n", b"Reply-To: eve@evil.example\r\n"):
        assert await status(added + header, BODY) is DkimStatus.FAIL
        assert not dkimpy_agrees(added + header + BODY)


async def test_an_earlier_signature_may_be_signed_too() -> None:
    template = "s=s1; d=own.example; h=from:dkim-signature; c=relaxed"
    header = signed(signed(HEADER, BODY), BODY, template)
    results = await verify(header, BODY, {"s1._domainkey.own.example": record()})
    assert [one.status for one in results] == [DkimStatus.PASS, DkimStatus.PASS]
    assert dkimpy_agrees(header + BODY)


async def test_lines_are_short_however_many_fields_there_are() -> None:
    names = ":".join(["from", *(f"x-field-number-{number}" for number in range(60))])
    header = signed(HEADER, BODY, f"s=s1; d=own.example; h={names}; c=relaxed/relaxed; t=; q=dns/txt")
    assert max(map(len, header.split(b"\r\n"))) <= 78
    assert f"t={SIGNED_AT};".encode() in header
    assert b"q=dns/txt;" in header
    assert await status(header, BODY) is DkimStatus.PASS
    assert dkimpy_agrees(header + BODY)


@pytest.mark.slow
@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(["X-A", "Subject", "To"]), st.text("ab \t.;:=é", max_size=40)), max_size=6),
    st.text("ab \t\r\n.", max_size=60),
    st.sampled_from(FORMS),
)
async def test_any_message(lines: list[tuple[str, str]], text: str, form: str) -> None:
    header = "".join(f"{name}:{value}\r\n" for name, value in [("From", " a@own.example"), *lines]).encode() + b"\r\n"
    body = text.encode()
    template = f"s=s1; d=own.example; h=from:subject:subject:x-a:to; c={form}"
    assert await status(signed(header, body, template), body) is DkimStatus.PASS


def test_the_domain_of_the_sender() -> None:
    template = parse_template("s=s1; d=%MAIL_FROM; h=From:To", "rsa-sha256")
    assert template.domain == SENDER_DOMAIN
    assert template.fields == (b"from", b"to")
    assert b" d=own.example;" in signed(HEADER, BODY, "s=s1; d=%MAIL_FROM; h=from")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("d=a.example; h=from", "s= is missing"),
        ("s=s1; h=from", "d= is missing"),
        ("s=s1; d=a.example", "h= is missing"),
        ("s=s1; d=a.example; h=to", "the From field is not signed"),
        ("s=s1; d=a..b; h=from", "d= is no domain name"),
        ("s=s1; d=a.example; h=from; c=strict", "the canonicalisation strict is not known"),
        ("s=s1; d=a.example; h=from; a=rsa-sha1", "a=rsa-sha1 does not fit the key"),
        ("s=s1; d=a.example; h=from; a=ed25519-sha256", "a=ed25519-sha256 does not fit the key"),
        ("s=s1; d=a.example; h=from; l=0", "l= lets anybody add"),
        ("s=s1; d=a.example; h=from; i=@b.example", "the domain of i= is not within d="),
        ("s=s1; d=%MAIL_FROM; h=from; i=@b.example", "i= cannot be within"),
        ("s=s1; s=s2; d=a.example; h=from", "duplicate s="),
        ("nothing", "is no tag"),
    ],
)
def test_templates_that_make_no_signature(template: str, problem: str) -> None:
    with pytest.raises(DkimSyntaxError, match=problem):
        parse_template(template, "rsa-sha256")


@pytest.mark.slow
def test_keys_that_do_not_sign() -> None:
    for octets, problem in (
        ((FOLDER / "rsa-768.pem").read_bytes(), "768 bits are too few"),
        (pem("ec"), "neither RSA nor Ed25519"),
        (b"no key", "PEM"),
        (pem("rsa", "secret"), "[Pp]assword"),
    ):
        with pytest.raises((ValueError, TypeError), match=problem):
            load_private_key(octets, "")
    assert load_private_key(pem("rsa", "secret"), "secret").algorithm.value == "rsa-sha256"
