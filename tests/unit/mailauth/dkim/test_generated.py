"""A thousand generated mails, signed by us for dkimpy and by dkimpy for us."""

import base64
import random
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from compostela.mailauth.dkim.private_key import PrivateKey, load_private_key
from compostela.mailauth.dkim.signing import DkimSigner, parse_template
from compostela.mailauth.dkim.verification import DkimStatus
from tests.unit.mailauth.dkim.samples import NOW, verify

SIGNED = ["from", "to", "subject", "date", "x-a", "x-b", "list-id"]
MAILS = 250
"""Of each form."""
FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]


@cache
def pem() -> bytes:
    """Of the fewest bits that are taken: dkimpy computes in Python."""
    key = rsa.generate_private_key(65537, 1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@cache
def key_and_record() -> tuple[PrivateKey, str]:
    key = load_private_key(pem(), "")
    return key, f"v=DKIM1; k=rsa; p={base64.b64encode(key.public).decode()}"


def value(chosen: random.Random) -> str:
    """Of a field: words, blanks, tabs, folds, what looks like tags."""
    pieces = [
        "word",
        "a",
        "é",
        "=?utf-8?q?=C3=A9?=",
        ";",
        "b=",
        "bh=x;",
        "\t",
        "  ",
        "\r\n ",
        "\r\n\t\t",
        ":",
        "<a@b.example>",
    ]
    text = "".join(chosen.choices(pieces, k=chosen.randrange(12)))
    # a line of blanks alone is no fold (RFC 5322 §3.2.2)
    lines = [line for line in text.split("\r\n") if line.strip()]
    return "\r\n ".join(lines)


def message(chosen: random.Random) -> tuple[bytes, bytes]:
    """Header block and body."""
    names = ["To", "Subject", "Date", "X-A", "x-a", "X-B", "List-Id", "Received", "DKIM-Signature-Old"]
    fields = [(name, value(chosen)) for name in chosen.choices(names, k=chosen.randrange(1, 10))]
    fields.insert(chosen.randrange(len(fields) + 1), ("From", " Ann <ann@own.example>"))
    header = "".join(f"{name}:{' ' * chosen.randrange(2)}{text}\r\n" for name, text in fields) + "\r\n"
    lines = ["", " ", "\t", "text", "more  text ", " indented", "tab\tin it\t ", ".", "é", "x" * 900]
    body = "".join(f"{line}\r\n" for line in chosen.choices(lines, k=chosen.randrange(12)))
    return header.encode(), body.encode()


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
async def test_dkimpy_takes_our_signatures(form: str) -> None:
    chosen = random.Random(f"ours {form}")
    key, record = key_and_record()
    names = ":".join([*SIGNED, "from", "subject"])
    signer = DkimSigner(parse_template(f"s=s1; d=own.example; h={names}; c={form}", key.algorithm.value), key)
    for _ in range(MAILS):
        header, body = message(chosen)
        signed = signer.sign(header, body, "own.example", NOW) + b"\r\n" + header
        assert dkim.verify(signed + body, dnsfunc=lambda name, timeout=5: record.encode()), (header, body)
        changed = body + b"more\r\n"
        assert not dkim.verify(signed + changed, dnsfunc=lambda name, timeout=5: record.encode())


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
async def test_we_take_dkimpys_signatures(form: str) -> None:
    chosen = random.Random(f"theirs {form}")
    zone = {"s1._domainkey.own.example": key_and_record()[1]}
    forms = tuple(one.encode() for one in form.split("/"))
    for _ in range(MAILS):
        header, body = message(chosen)
        present = [name.encode() for name in SIGNED if f"\n{name}:" in f"\n{header.decode().lower()}"]
        field = dkim.sign(
            header + body, b"s1", b"own.example", pem(), canonicalize=forms, include_headers=[*present, b"from"]
        )
        (result,) = await verify(field + header, body, zone)
        assert result.status is DkimStatus.PASS, (result, header, body)
        (changed,) = await verify(field + header, body + b"more\r\n", zone)
        assert changed.status is DkimStatus.FAIL
