"""ARC chains, made and checked by ourselves and by dkimpy, an implementation apart from ours."""

import random
from collections.abc import Sequence

import dkim
import pytest

from compostela.mailauth.arc.chain import MAX_SETS, ChainStatus
from compostela.mailauth.arc.sealing import ArcSealer
from compostela.mailauth.arc.verification import ArcResult, ArcVerification
from compostela.mailauth.dkim.signing import parse_template
from compostela.mailauth.dkim.tags import DkimSyntaxError
from tests.unit.mailauth.dkim.signing import key_of, pem, record
from tests.unit.mailauth.zones import TIMEOUT, ZoneDns

NOW = 1_700_000_000.0
HEADER = (
    b"DKIM-Signature: v=1; d=own.example; b=x\r\nFrom: ann@own.example\r\nTo: bob@example.org\r\nSubject: Lunch\r\n"
    b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@own.example>\r\n\r\n"
)
BODY = b"At  noon? \r\n\r\nYes.\r\n\r\n"
TEMPLATE = "s={}; d={}; h=from:to:subject:date:message-id:dkim-signature; c={}"
RESULTS = "mx.example; spf=pass smtp.mailfrom=own.example; dkim=pass header.d=own.example"
HOPS = ("list.example", "forwarder.example", "last.example")
ZONE = {f"s1._domainkey.{domain}": [{"TXT": record()}] for domain in HOPS}
PASS, FAIL, NONE = ChainStatus.PASS, ChainStatus.FAIL, ChainStatus.NONE


def sealer(domain: str, form: str = "relaxed/relaxed") -> ArcSealer:
    key = key_of("rsa")
    return ArcSealer(parse_template(TEMPLATE.format("s1", domain, form), key.algorithm.value), key)


async def checked(header: bytes, body: bytes = BODY, zone: dict[str, list[object]] | None = None) -> ArcResult:
    verification = ArcVerification(header)
    dns = ZoneDns(ZONE if zone is None else zone)
    return await verification.conclude(verification.body_digests(body), dns, NOW)


async def sealed(header: bytes = HEADER, body: bytes = BODY, hops: Sequence[str] = HOPS, form: str = "relaxed/relaxed") -> bytes:  # fmt: skip
    for domain in hops:
        found = await checked(header, body)
        header = sealer(domain, form).seal(header, body, RESULTS, found.status, NOW)
    return header


def dkimpy_says(message: bytes) -> str:
    status, _, _ = dkim.arc_verify(message, dnsfunc=lambda name, timeout=5: record().encode())
    # None for a chain that an earlier handler called broken
    return str(status.decode()) if status is not None else "fail"


def dkimpy_seals(message: bytes, domain: str) -> bytes:
    """By the results of an Authentication-Results field that has the domain as its server."""
    headers = [b"from", b"to", b"subject", b"date", b"message-id"]
    fields = dkim.arc_sign(message, b"s1", domain.encode(), pem("rsa"), domain.encode(), include_headers=headers)
    return b"".join(fields) + message


def split(message: bytes) -> tuple[bytes, bytes]:
    end = message.index(b"\r\n\r\n") + 4
    return message[:end], message[end:]


@pytest.mark.parametrize("form", ["relaxed/relaxed", "simple/simple", "simple/relaxed", "relaxed/simple"])
async def test_our_chains_hold_for_us_and_for_dkimpy(form: str) -> None:
    header = await sealed(form=form)
    assert await checked(header) == ArcResult(PASS, sealers=HOPS)
    assert dkimpy_says(header + BODY) == "pass"
    assert max(map(len, header.split(b"\r\n"))) <= 80


async def test_dkimpys_chains_hold_for_us() -> None:
    message = HEADER + BODY
    for count, domain in enumerate(HOPS, 1):
        found = "pass" if count > 1 else "none"
        message = dkimpy_seals(f"Authentication-Results: {domain}; arc={found}\r\n".encode() + message, domain)
        header, body = split(message)
        assert await checked(header, body) == ArcResult(PASS, sealers=HOPS[:count])


async def test_chains_of_both_in_turn() -> None:
    message = dkimpy_seals(
        f"Authentication-Results: {HOPS[0]}; spf=pass; arc=none\r\n".encode() + HEADER + BODY, HOPS[0]
    )
    header, body = split(message)
    header = await sealed(header, body, HOPS[1:2])
    assert dkimpy_says(header + body) == "pass"
    message = dkimpy_seals(f"Authentication-Results: {HOPS[2]}; arc=pass\r\n".encode() + header + body, HOPS[2])
    header, body = split(message)
    assert await checked(header, body) == ArcResult(PASS, sealers=HOPS)


@pytest.mark.slow
async def test_any_message_is_sealed_so_that_dkimpy_agrees() -> None:
    chosen = random.Random(21)
    for _ in range(60):
        lines = [f"X-{n}: {''.join(chosen.choices('ab ;=é:', k=chosen.randrange(30)))}" for n in range(3)]
        header = "\r\n".join(["From: a@own.example", *lines, "", ""]).encode()
        body = "".join(chosen.choices("ab \t.", k=chosen.randrange(60))).encode() + b"\r\n" * chosen.randrange(1, 4)
        done = await sealed(
            header, body, HOPS[: chosen.randrange(1, 4)], chosen.choice(["relaxed/relaxed", "simple/simple"])
        )
        assert (await checked(done, body)).status is PASS
        assert dkimpy_says(done + body) == "pass"


async def test_without_seals_there_is_no_chain() -> None:
    assert await checked(HEADER) == ArcResult(NONE)


async def test_what_was_passed_on_must_not_change() -> None:
    header = await sealed()
    for changed, body in (
        (header, BODY + b"more\r\n"),
        (header.replace(b"Lunch", b"Supper"), BODY),
        (header.replace(b"spf=pass", b"spf=fail", 1), BODY),
        (header.replace(b"; cv=none", b"; cv=pass"), BODY),
        (header.replace(b"i=2", b"i=4"), BODY),
        (header.replace(b"d=forwarder.example", b"d=list.example"), BODY),
    ):
        assert (await checked(changed, body)).status is FAIL
        assert dkimpy_says(changed + body) == "fail"


async def test_a_set_that_is_not_whole_breaks_the_chain() -> None:
    header = await sealed()
    lines = header.split(b"\r\n")
    starts = [n for n, line in enumerate(lines) if line.lower().startswith(b"arc-")]
    for start in starts:
        end = next(n for n in range(start + 1, len(lines)) if not lines[n].startswith((b"\t", b" ")))
        without = b"\r\n".join(lines[:start] + lines[end:])
        assert (await checked(without)).status is FAIL
        twice = b"\r\n".join(lines[start:end] + lines)
        assert (await checked(twice)).status is FAIL


async def test_a_broken_chain_is_sealed_as_broken_and_then_no_more() -> None:
    header = await sealed(hops=HOPS[:1])
    changed = header.replace(b"Lunch", b"Supper")
    assert ArcVerification(changed).may_be_sealed
    broken = await sealed(changed, hops=HOPS[1:2])
    assert b"cv=fail" in broken
    assert (await checked(broken)).reason == "an earlier handler found the chain broken"
    assert dkimpy_says(broken + BODY) == "fail"
    assert not ArcVerification(broken).may_be_sealed


@pytest.mark.slow
async def test_a_chain_ends_with_fifty_sets() -> None:
    header = await sealed(hops=HOPS[:1] * MAX_SETS)
    assert (await checked(header)).status is PASS
    assert not ArcVerification(header).may_be_sealed


async def test_keys_that_cannot_be_had() -> None:
    header = await sealed()
    away = await checked(header, zone={**ZONE, "s1._domainkey.list.example": [TIMEOUT]})
    assert (away.status, away.temporary) == (FAIL, True)
    gone = await checked(header, zone={})
    assert (gone.status, gone.temporary) == (FAIL, False)


@pytest.mark.parametrize(
    "field",
    [
        b"ARC-Seal: nothing",
        b"ARC-Seal: i=0; a=rsa-sha256; cv=none; d=a.example; s=s; b=AA==",
        b"ARC-Seal: i=51; a=rsa-sha256; cv=none; d=a.example; s=s; b=AA==",
        b"ARC-Authentication-Results: mx.example; none",
        b"ARC-Message-Signature: i=1",
    ],
)
async def test_fields_that_make_no_chain(field: bytes) -> None:
    assert (await checked(field + b"\r\n" + HEADER)).status is FAIL


async def test_seals_with_forbidden_tags() -> None:
    header = await sealed(hops=HOPS[:1])
    for changed in (
        header.replace(b"ARC-Seal: i=1;", b"ARC-Seal: i=1; h=from;"),
        header.replace(b"cv=none", b"cv=maybe"),
        header.replace(b"h=from:to", b"h=arc-seal:from:to"),
    ):
        assert (await checked(changed)).status is FAIL


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("s=s1; d=%MAIL_FROM; h=from", "d= must be a domain"),
        ("s=s1; d=a.example; i=@a.example; h=from", "i= is the number"),
        ("s=s1; d=a.example; h=from:arc-seal", "h= must have no ARC fields"),
    ],
)
def test_templates_that_make_no_seal(template: str, problem: str) -> None:
    key = key_of("rsa")
    with pytest.raises(DkimSyntaxError, match=problem):
        ArcSealer(parse_template(template, key.algorithm.value), key)
