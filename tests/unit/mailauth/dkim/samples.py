"""Signed mails and how to check them."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from compostela.mailauth.dkim.canonical import BodyHashes, relaxed_field, without_signature
from compostela.mailauth.dkim.verification import DkimResult, DkimVerification
from compostela.mime.headers import fields, header_end
from tests.unit.mailauth.zones import ZoneDns

FOLDER = Path(__file__).parents[3] / "data" / "dkim"
NOW = 1_800_000_000.0
"""After all samples were signed."""
FOOTBALL = "brisbane._domainkey.football.example.com"
FOOTBALL_RSA = "test._domainkey.football.example.com"
FOOTBALL_KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RFC_KEYS = {
    FOOTBALL: f"v=DKIM1; k=ed25519; p={FOOTBALL_KEY}",
    FOOTBALL_RSA: "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J1"
    "6JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
    "brisbane._domainkey.example.com": "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
    "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB",
}
HEADER = b"From: Ann <ann@own.example>\r\nTo: bob@example.org\r\nSubject: Lunch\r\n\r\n"
BODY = b"At noon?\r\n"


@cache
def keys() -> dict[str, str]:
    found: dict[str, str] = json.loads((FOLDER / "keys.json").read_text())
    return found | RFC_KEYS


def sample(name: str) -> tuple[bytes, bytes]:
    """Header block and body."""
    message = (FOLDER / name).read_bytes()
    end = header_end(message)
    return message[:end], message[end:]


async def verify(
    header: bytes, body: bytes, records: Mapping[str, str | list[str]] | None = None, now: float = NOW
) -> list[DkimResult]:
    """Against key records by name; several for one name as a list."""
    found = keys() if records is None else records
    zone = {name: [{"TXT": text} for text in ([one] if isinstance(one, str) else one)] for name, one in found.items()}
    verification = DkimVerification(header)
    return await verification.conclude(verification.body_digests(body), ZoneDns(zone), now)


class Signer:
    """Signs with Ed25519, with any tags."""

    def __init__(self, domain: str = "own.example", selector: str = "s1") -> None:
        self._key = Ed25519PrivateKey.generate()
        self.domain = domain
        self.selector = selector
        octets = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.record = "k=ed25519; p=" + base64.b64encode(octets).decode()

    @property
    def records(self) -> dict[str, str | list[str]]:
        return {f"{self.selector}._domainkey.{self.domain}": self.record}

    def signed(self, header: bytes = HEADER, body: bytes = BODY, **tags: str) -> bytes:
        """The header block with a relaxed signature on top; tags are added or, empty, left out."""
        length = tags.get("l")
        hashes = BodyHashes(relaxed=True, lengths=[int(length) if length else None])
        hashes.update(body)
        (digest,) = hashes.digests().values()
        values = {
            "v": "1", "a": "ed25519-sha256", "c": "relaxed/relaxed", "d": self.domain, "s": self.selector, "h": "from:subject",
            "bh": base64.b64encode(digest).decode(),
        }  # fmt: skip
        values |= tags
        line = "; ".join([f"{name}={value}" for name, value in values.items() if value] + ["b="])
        field = f"DKIM-Signature: {line}\r\n".encode()
        by_name: dict[bytes, list[bytes]] = {}
        for one in fields(header):
            by_name.setdefault(one.name.lower(), []).append(header[one.start : one.end])
        names = [name.strip().lower().encode() for name in values["h"].split(":")]
        octets = b"".join(relaxed_field(by_name[name].pop()) for name in names if by_name.get(name))
        octets += relaxed_field(without_signature(field)).removesuffix(b"\r\n")
        signature = self._key.sign(hashlib.sha256(octets).digest())
        return field.removesuffix(b"\r\n") + base64.b64encode(signature) + b"\r\n" + header
