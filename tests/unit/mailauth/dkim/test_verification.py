"""DKIM: mails signed by others, the reasons not to believe a signature, and limits."""

import asyncio
import mmap
import re
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.mailauth.dkim import verification as module
from compostela.mailauth.dkim.canonical import BodyCanonicaliser
from compostela.mailauth.dkim.key import parse_key
from compostela.mailauth.dkim.signature import parse_signature
from compostela.mailauth.dkim.tags import DkimSyntaxError, parse_tags
from compostela.mailauth.dkim.verification import MAX_SIGNATURES, DkimResult, DkimStatus, DkimVerification
from tests.unit.mailauth.dkim.samples import (
    BODY,
    FOLDER,
    FOOTBALL,
    FOOTBALL_KEY,
    FOOTBALL_RSA,
    HEADER,
    NOW,
    RFC_KEYS,
    Signer,
    keys,
    sample,
    verify,
)
from tests.unit.mailauth.zones import TIMEOUT, ZoneDns

REFUSED = {
    "rsa-sha1.eml": "the algorithm rsa-sha1 is not accepted",
    "small-key.eml": "a key of 768 bits is not accepted",
}
ACCEPTED = sorted(path.name for path in FOLDER.glob("*.eml") if path.name not in REFUSED)


def only(results: list[DkimResult]) -> tuple[str, str]:
    (one,) = results
    return one.status.value, one.reason


# what others signed


def test_there_are_samples() -> None:
    assert len(ACCEPTED) == 14


@pytest.mark.parametrize("name", ACCEPTED)
async def test_what_others_signed_is_verified(name: str) -> None:
    results = await verify(*sample(name))
    assert [one.status for one in results] == [DkimStatus.PASS] * len(results)
    assert len(results) == (2 if name in ("rfc8463.eml", "two.eml") else 1)


@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
async def test_weak_signatures_are_not_accepted(name: str, reason: str) -> None:
    assert only(await verify(*sample(name))) == ("permerror", reason)


@pytest.mark.parametrize("name", ACCEPTED)
async def test_a_changed_message_is_noticed(name: str) -> None:
    header, body = sample(name)
    assert {one.reason for one in await verify(header, b"x" + body)} == {"the body was changed"}
    changed = header.replace(b"\r\nFrom: ", b"\r\nFrom: Eve ")
    assert {one.reason for one in await verify(changed, body)} == {"the signature does not fit"}


@pytest.mark.parametrize("name", ["relaxed.eml", "ed25519.eml"])
async def test_relaxed_signatures_bear_changes_of_white_space(name: str) -> None:
    header, body = sample(name)
    header = header.replace(b"\r\nSubject:   Two", b"\r\nSUBJECT : \r\n\tTwo")
    body = body.replace(b"Hello,  \t", b"Hello,\t") + b" \r\n\r\n"
    assert only(await verify(header, body)) == ("pass", "")


@pytest.mark.parametrize("name", ["simple.eml", "relaxed-simple.eml"])
async def test_simple_bodies_bear_none_but_empty_lines_at_the_end(name: str) -> None:
    header, body = sample(name)
    assert only(await verify(header, body + b"\r\n\r\n"))[0] == "pass"
    assert only(await verify(header, body.replace(b"  \t", b" "))) == ("fail", "the body was changed")


async def test_a_field_that_is_not_there_was_signed_as_not_there() -> None:
    header, body = sample("repeated-and-oversigned.eml")
    for added in (b"X-Hop: third\r\n", b"X-Missing: no more\r\n"):
        assert only(await verify(added + header, body)) == ("fail", "the signature does not fit")
    assert only(await verify(b"X-Other: x\r\n" + header, body)) == ("pass", "")


# what a key record allows


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("k=ed25519; p=KEY", ("pass", "")),
        ("v=DKIM1; k=ed25519; h=sha1:sha256; s=email; t=s; n=note; x=unknown; p=KEY", ("pass", "")),
        ("v=DKIM1; k=ed25519; s = other : * ; p=KEY;", ("pass", "")),
        ("k=ed25519; v=DKIM1; p=KEY", ("permerror", "the key record is not of this version")),
        ("v=DKIM2; k=ed25519; p=KEY", ("permerror", "the key record is not of this version")),
        ("v=DKIM1; k=ed25519; p=", ("permerror", "the key is revoked")),
        ("v=DKIM1; k=ed25519", ("permerror", "the key record has no key")),
        ("v=DKIM1; p=KEY", ("permerror", "the key is not one for ed25519-sha256")),
        ("v=DKIM1; k=other; p=KEY", ("permerror", "the key is not one for ed25519-sha256")),
        ("v=DKIM1; k=ed25519; h=sha1; p=KEY", ("permerror", "the key is not for sha256")),
        ("v=DKIM1; k=ed25519; s=tlsrpt; p=KEY", ("permerror", "the key is not for mail")),
        ("v=DKIM1; k=ed25519; p=!", ("permerror", "p= is not base64")),
        ("v=DKIM1; k=ed25519; p=AAAA", ("permerror", "the key cannot be read")),
        ("v=DKIM1; k=ed25519; k=rsa; p=KEY", ("permerror", "duplicate k=")),
        ("not a key", ("permerror", "'not a key' is no tag")),
    ],
)
async def test_key_records(record: str, result: tuple[str, str]) -> None:
    header, body = sample("rfc8463.eml")
    found = await verify(header, body, RFC_KEYS | {FOOTBALL: record.replace("KEY", FOOTBALL_KEY)})
    assert (found[0].status.value, found[0].reason) == result
    assert found[1].status is DkimStatus.PASS


@pytest.mark.parametrize("key", ["AAAA", FOOTBALL_KEY])
async def test_an_rsa_key_that_is_none(key: str) -> None:
    header, body = sample("rfc8463.eml")
    found = await verify(header, body, RFC_KEYS | {FOOTBALL_RSA: f"p={key}"})
    assert (found[1].status.value, found[1].reason) == ("permerror", "the key cannot be read")


async def test_without_a_key_there_is_no_proof() -> None:
    assert only(await verify(*sample("simple.eml"), {})) == ("permerror", "there is no key")


async def test_of_several_keys_the_one_that_fits_is_taken() -> None:
    name, record = next((name, record) for name, record in keys().items() if name.startswith("r2048."))
    found = await verify(*sample("simple.eml"), {name: ["v=spf1 -all", "k=ed25519; p=AAAA", record]})
    assert only(found) == ("pass", "")


async def test_a_key_for_tests_is_told() -> None:
    signer = Signer()
    signer.record += "; t=y:s"
    (result,) = await verify(signer.signed(), b"other", signer.records)
    assert (result.status, result.testing) == (DkimStatus.FAIL, True)


async def test_no_answer_now_is_a_temporary_error(monkeypatch: pytest.MonkeyPatch) -> None:
    verification = DkimVerification(sample("simple.eml")[0])
    digests = verification.body_digests(b"")
    failing = ZoneDns({"r2048._domainkey.signed.example": [TIMEOUT]})
    assert only(await verification.conclude(digests, failing, NOW)) == ("temperror", "DNS: no answer in time")

    class Silent(ZoneDns):
        async def txt(self, name: str) -> list[str]:
            await asyncio.Event().wait()
            return []

    monkeypatch.setattr(module, "MAX_SECONDS", 0.01)
    assert only(await verification.conclude(digests, Silent({}), NOW))[0] == "temperror"


# what a signature says of itself


@pytest.mark.parametrize(
    ("tags", "result"),
    [
        ({}, ("pass", "")),
        ({"v": "2"}, ("permerror", "the version is not 1")),
        ({"d": ""}, ("permerror", "d= is missing")),
        ({"c": "relaxed/other"}, ("permerror", "the canonicalisation relaxed/other is not known")),
        ({"a": "ed25519-sha1"}, ("permerror", "the algorithm ed25519-sha1 is not accepted")),
        ({"h": "to:subject"}, ("permerror", "the From field is not signed")),
        ({"h": "from::to"}, ("permerror", "h= is no list of field names")),
        ({"q": "dns/txt:other"}, ("pass", "")),
        ({"q": "other"}, ("permerror", "no known method to get the key")),
        ({"i": "ann@sub.own.example"}, ("pass", "")),
        ({"i": "ann@other.example"}, ("permerror", "the domain of i= is not within d=")),
        ({"i": "ann@notown.example"}, ("permerror", "the domain of i= is not within d=")),
        ({"i": "own.example"}, ("permerror", "the domain of i= is not within d=")),
        ({"t": "1700000000", "x": "1900000000"}, ("pass", "")),
        ({"x": "1700000000"}, ("fail", "the signature has expired")),
        ({"t": "1900000000"}, ("fail", "the signature is of the future")),
        ({"t": "1700000000", "x": "1600000000"}, ("permerror", "it expires before it was made")),
        ({"x": "soon"}, ("permerror", "x= is no number")),
        ({"l": "10"}, ("pass", "")),
        ({"l": "5"}, ("pass", "")),
        ({"l": "99"}, ("permerror", "l= is longer than the body")),
        ({"l": "-1"}, ("permerror", "l= is no number")),
        ({"s": "a b.-"}, ("permerror", "s= is no domain name")),
        ({"z": "Subject:Lunch", "other": "x"}, ("pass", "")),
    ],
)
async def test_tags_of_a_signature(tags: dict[str, str], result: tuple[str, str]) -> None:
    signer = Signer()
    header = signer.signed(**{name: value for name, value in tags.items() if name != "l" or value == "5"})
    if tags.get("l") not in (None, "5"):
        header = header.replace(b"; b=", b"; l=%b; b=" % tags["l"].encode(), 1)
        if result[0] == "pass":
            header = signer.signed(**tags)
    assert only(await verify(header, BODY, signer.records)) == result


async def test_a_key_for_the_exact_domain_is_not_for_subdomains() -> None:
    signer = Signer()
    header = signer.signed(i="ann@sub.own.example")
    signer.record += "; t=s"
    assert only(await verify(header, BODY, signer.records)) == ("permerror", "the key is not for subdomains")


async def test_what_was_added_behind_the_signed_length_is_told() -> None:
    signer = Signer()
    (result,) = await verify(signer.signed(l="10"), BODY + b"<a>\r\n", signer.records)
    assert (result.status, result.unsigned_octets) == (DkimStatus.PASS, 5)


async def test_a_second_from_must_be_signed() -> None:
    """RFC 6376 §8.15."""
    signer = Signer()
    header = b"From: eve@evil.example\r\n" + signer.signed()
    assert only(await verify(header, BODY, signer.records)) == ("fail", "a From field is not signed")
    both = signer.signed(b"From: x@own.example\r\n" + HEADER, h="from:from:subject")
    assert only(await verify(both, BODY, signer.records)) == ("pass", "")


async def test_a_signature_may_sign_another() -> None:
    first, second = Signer(), Signer("relay.example")
    header = second.signed(first.signed(), h="from:dkim-signature")
    results = await verify(header, BODY, first.records | second.records)
    assert [one.status for one in results] == [DkimStatus.PASS] * 2
    changed = header.replace(b"s=s1; h=from:subject", b"s=s1;  n=x; h=from:subject")
    assert [one.status for one in await verify(changed, BODY, first.records | second.records)] == [DkimStatus.FAIL] * 2


async def test_a_domain_in_its_own_script_is_asked_for_in_a_labels() -> None:
    """RFC 8616 §5."""
    signer = Signer("bücher.example")
    records = {"s1._domainkey.xn--bcher-kva.example": signer.record}
    (result,) = await verify(signer.signed(), BODY, records)
    assert (result.status, result.domain) == (DkimStatus.PASS, "xn--bcher-kva.example")


async def test_only_so_many_signatures_are_looked_at() -> None:
    signer = Signer()
    header = signer.signed()
    line = header[: header.index(b"\r\n") + 2]
    results = await verify(line * 50 + header, BODY, signer.records)
    assert [one.status for one in results] == [DkimStatus.PASS] * MAX_SIGNATURES


async def test_each_signature_has_its_own_length_of_the_one_body() -> None:
    signer, header = Signer(), HEADER
    for length in ("", *map(str, range(8)), "1000000"):
        header = signer.signed(header, BODY, l=length)
    results = await verify(header, BODY + b"more\r\n", signer.records)
    assert [one.reason for one in results] == ["l= is longer than the body", *[""] * 8, "the body was changed"]
    # canonical "BODY" without the line end that only its end has
    assert [one.unsigned_octets for one in results[1:-1]] == [len(BODY) + 6 - length for length in range(7, -1, -1)]


async def test_an_unsigned_mail_has_no_result_and_its_body_is_not_read() -> None:
    verification = DkimVerification(HEADER)
    assert not verification.is_signed
    assert verification.body_digests(BODY) == {}
    assert await verification.conclude({}, ZoneDns({}), NOW) == []


async def test_a_mapped_body_is_hashed_in_pieces() -> None:
    body = b"line with  blanks \r\n" * 50_000
    signer = Signer()
    verification = DkimVerification(signer.signed(HEADER, body))
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            digests = verification.body_digests(mapped)
    zone = {name: [{"TXT": record}] for name, record in signer.records.items()}
    assert only(await verification.conclude(digests, ZoneDns(zone), NOW)) == ("pass", "")


# canonicalisation and grammar


def by_the_book(body: bytes, *, relaxed: bool) -> bytes:
    """§3.4.3 and §3.4.4, sentence by sentence."""
    if relaxed:
        body = re.sub(rb"[ \t]+(?=\r\n|\Z)", b"", body)
        body = re.sub(rb"[ \t]+", b" ", body)
    body = re.sub(rb"(\r\n)+\Z", b"", body)
    return body + b"\r\n" if body or not relaxed else b""


@given(
    st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"a", b"\r\n\r\n"]), max_size=25),
    st.booleans(),
    st.lists(st.integers(0, 40), max_size=6),
)
def test_bodies_are_canonical_however_they_are_cut(pieces: list[bytes], relaxed: bool, cuts: list[int]) -> None:
    body = b"".join(pieces)
    canonicaliser = BodyCanonicaliser(relaxed=relaxed)
    out: list[bytes] = []
    last = 0
    for cut in [*sorted(cuts), len(body)]:
        out += canonicaliser.update(body[last:cut])
        last = max(last, cut)
    out += canonicaliser.finish()
    assert b"".join(out) == by_the_book(body, relaxed=relaxed)


def test_a_body_of_empty_lines_is_not_kept() -> None:
    canonicaliser = BodyCanonicaliser(relaxed=True)
    for _ in range(100):
        assert list(canonicaliser.update(b" \r\n" * 10_000)) == []
    pieces = list(canonicaliser.update(b"x"))
    assert (sum(map(len, pieces)), max(map(len, pieces))) == (2_000_001, 8192)


@given(st.text(alphabet="vabdhsixtl=;: \r\n\t1@.-/+Aé", max_size=60))
def test_any_value_is_a_signature_or_a_syntax_error(text: str) -> None:
    for parse in (parse_tags, parse_key, lambda value: parse_signature(value.encode())):
        try:
            parse(text)
        except DkimSyntaxError:
            pass


@pytest.mark.parametrize("filler", [b";", b" ", b"b", b"=", b"; b", b"a=;", b"\r\n "])
async def test_a_hostile_signature_costs_time_in_proportion_to_its_length(filler: bytes) -> None:
    header = Signer().signed().replace(b"; b=", b"; y=" + filler * (400_000 // len(filler)) + b"; b=", 1)
    assert (await verify(header * 3, BODY))[0].status is not DkimStatus.PASS
