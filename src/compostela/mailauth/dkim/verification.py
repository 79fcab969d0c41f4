"""Verifying the DKIM signatures of a message (RFC 6376 §6, RFC 8301, RFC 8463).

Three steps, so that the body is read once, where it lies: the signatures of the header block; the hashes that they need of
the body, which is pure work for a thread; and with the keys from DNS a result for each.
"""

import asyncio
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from compostela.mailauth.dkim.canonical import BodyHashes, Octets, pieces
from compostela.mailauth.dkim.key import KeyRecord, Verifier, parse_key, verifier_of
from compostela.mailauth.dkim.selection import SIGNATURE_FIELD, fields_by_name, signed_octets
from compostela.mailauth.dkim.signature import Signature, parse_signature
from compostela.mailauth.dkim.tags import DkimSyntaxError
from compostela.mailauth.dns import AuthenticationDns, DnsFailure
from compostela.mime.headers import Field

MAX_SIGNATURES = 10
"""Signatures that are looked at, from the top."""
MAX_KEYS = 5
"""Records of one name that are tried."""
MAX_SECONDS = 30.0
"""For all keys."""
AT_ONCE_BYTES = 32 * 1024
"""Of a header block that is read without leaving the loop."""
CLOCK_SKEW_SECONDS = 3600
"""How far in the future t= may be."""


class DkimStatus(enum.Enum):
    """RFC 8601 §2.7.1."""

    PASS = "pass"
    FAIL = "fail"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"


@dataclass(frozen=True, slots=True)
class DkimResult:
    """What became of one signature."""

    status: DkimStatus
    reason: str = ""
    domain: str = ""
    """d=; empty when the signature cannot be read."""
    selector: str = ""
    identity: str = ""
    testing: bool = False
    """The domain only tries DKIM out: a failure means no more than no signature (RFC 6376 §3.6.1)."""
    unsigned_octets: int = 0
    """Octets of the canonical body after those that l= covers: anybody may have added them (RFC 6376 §8.2)."""


BodyKey = tuple[bool, int | None]
"""What a body hash depends on: relaxed or not, and l=."""


@dataclass(frozen=True, slots=True)
class BodyDigest:
    digest: bytes
    size: int
    """Canonical octets of the whole body."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A signature field with what could be read of it."""

    field: Field
    signature: Signature | None
    problem: str = ""


class DkimVerification:
    """One message. `header` is its header block."""

    def __init__(self, header: bytes) -> None:
        self._header = header
        self._fields = fields_by_name(header)
        found = self._fields.get(SIGNATURE_FIELD, [])[:MAX_SIGNATURES]
        self._candidates = [_candidate(field) for field in found]

    @classmethod
    async def of(cls, header: bytes) -> Self:
        """In another thread when there may be many fields to tell apart."""
        return cls(header) if len(header) <= AT_ONCE_BYTES else await asyncio.to_thread(cls, header)

    @property
    def is_signed(self) -> bool:
        """Whether there is a signature, right or wrong."""
        return bool(self._candidates)

    def body_digests(self, body: Octets) -> dict[BodyKey, BodyDigest]:
        """Pure; for `conclude`. The body is read once in pieces, and not at all without a signature that can be read."""
        return digests_of([one.signature for one in self._candidates if one.signature is not None], body)

    async def conclude(
        self, digests: Mapping[BodyKey, BodyDigest], dns: AuthenticationDns, now: float
    ) -> list[DkimResult]:
        """A result for each signature, from the top. `now` in epoch seconds."""
        results: list[DkimResult] = []
        deadline = asyncio.get_running_loop().time() + MAX_SECONDS
        for one in self._candidates:
            if one.signature is None:
                results.append(DkimResult(DkimStatus.PERMERROR, one.problem))
                continue
            try:
                async with asyncio.timeout_at(deadline):
                    keys = await dns.txt(one.signature.key_name)
            except (DnsFailure, TimeoutError) as error:
                results.append(_result(one.signature, DkimStatus.TEMPERROR, f"DNS: {error}"))
                continue
            results.append(self._verified(one.field, one.signature, digests[body_key(one.signature)], keys, now))
        return results

    def _verified(
        self, field: Field, signature: Signature, body: BodyDigest, keys: list[str], now: float
    ) -> DkimResult:
        try:
            key, verify = usable_key(keys, signature)
        except DkimSyntaxError as error:
            return _result(signature, DkimStatus.PERMERROR, str(error))
        status, reason = self._checked(field, signature, body, verify, now)
        unsigned = 0 if signature.body_length is None else max(body.size - signature.body_length, 0)
        return replace(_result(signature, status, reason), testing=key.testing, unsigned_octets=unsigned)

    def _checked(
        self, field: Field, signature: Signature, body: BodyDigest, verify: Verifier, now: float
    ) -> tuple[DkimStatus, str]:
        if signature.expires_at is not None and signature.expires_at < now:
            return DkimStatus.FAIL, "the signature has expired"
        if signature.signed_at is not None and signature.signed_at > now + CLOCK_SKEW_SECONDS:
            return DkimStatus.FAIL, "the signature is of the future"
        if signature.fields.count(b"from") < len(self._fields.get(b"from", ())):
            # RFC 6376 §8.15: the reader may be shown the From that is not signed
            return DkimStatus.FAIL, "a From field is not signed"
        if signature.body_length is not None and signature.body_length > body.size:
            return DkimStatus.PERMERROR, "l= is longer than the body"
        if body.digest != signature.body_hash:
            return DkimStatus.FAIL, "the body was changed"
        octets = signed_octets(self._header, self._fields, field, signature.fields, relaxed=signature.relaxed_header)
        if not verify(signature.signature, octets):
            return DkimStatus.FAIL, "the signature does not fit"
        return DkimStatus.PASS, ""


def _candidate(field: Field) -> _Candidate:
    try:
        return _Candidate(field, parse_signature(field.value))
    except DkimSyntaxError as error:
        return _Candidate(field, None, str(error))


def digests_of(signatures: Sequence[Signature], body: Octets) -> dict[BodyKey, BodyDigest]:
    """The hashes that signatures need. Pure; the body is read once in pieces, and not at all without a signature."""
    keys = {body_key(one) for one in signatures}
    lengths = {relaxed: [length for other, length in keys if other is relaxed] for relaxed, _ in keys}
    hashes = {relaxed: BodyHashes(relaxed=relaxed, lengths=of) for relaxed, of in lengths.items()}
    for piece in pieces(body) if hashes else ():
        for one in hashes.values():
            one.update(piece)
    return {
        (relaxed, length): BodyDigest(digest, one.size)
        for relaxed, one in hashes.items()
        for length, digest in one.digests().items()
    }


def body_key(signature: Signature) -> BodyKey:
    return signature.relaxed_body, signature.body_length


def usable_key(texts: list[str], signature: Signature) -> tuple[KeyRecord, Verifier]:
    """The first that fits. Raises `DkimSyntaxError` with the reason of the last."""
    problem = DkimSyntaxError("there is no key")
    for text in texts[:MAX_KEYS]:
        try:
            key = parse_key(text)
            return key, verifier_of(key, signature)
        except DkimSyntaxError as error:
            problem = error
    raise problem


def _result(signature: Signature, status: DkimStatus, reason: str) -> DkimResult:
    return DkimResult(status, reason, signature.domain, signature.selector, signature.identity)
