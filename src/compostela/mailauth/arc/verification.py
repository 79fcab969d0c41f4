"""Is the chain of ARC sets whole, and the message what its last handler passed on? (RFC 8617 §5.2)

In three steps as with DKIM: the sets of the header block, the hash of the body, and with the keys from DNS the result.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from compostela.mailauth.arc.chain import (
    MAX_SETS,
    SEAL,
    ArcSet,
    BrokenChain,
    ChainStatus,
    Seal,
    highest_instance,
    parse_message_signature,
    parse_seal,
    read_sets,
    sealed_octets,
)
from compostela.mailauth.dkim.canonical import Octets, without_signature
from compostela.mailauth.dkim.selection import fields_by_name, signed_octets
from compostela.mailauth.dkim.signature import Signature
from compostela.mailauth.dkim.tags import DkimSyntaxError
from compostela.mailauth.dkim.verification import (
    AT_ONCE_BYTES,
    MAX_SECONDS,
    BodyDigest,
    BodyKey,
    body_key,
    digests_of,
    usable_key,
)
from compostela.mailauth.dns import AuthenticationDns, DnsFailure


@dataclass(frozen=True, slots=True)
class ArcResult:
    """`sealers` are the domains of the seals, from the first to the last, and empty unless the chain holds."""

    status: ChainStatus
    reason: str = ""
    sealers: tuple[str, ...] = ()
    temporary: bool = False
    """It fails only because a key cannot be had for now."""


class ArcVerification:
    """One message. `header` is its header block."""

    def __init__(self, header: bytes) -> None:
        self._header = header
        self._by_name = fields_by_name(header)
        self._sets: list[ArcSet] = []
        self._seals: list[Seal] = []
        self._signature: Signature | None = None
        self.problem = ""
        """Why the sets make no chain; empty if they do, or if there are none."""
        try:
            self._read()
        except (BrokenChain, DkimSyntaxError) as error:
            self.problem = str(error)

    @classmethod
    async def of(cls, header: bytes) -> Self:
        """In another thread when there may be many fields to tell apart."""
        return cls(header) if len(header) <= AT_ONCE_BYTES else await asyncio.to_thread(cls, header)

    def _read(self) -> None:
        self._sets = read_sets(self._by_name)
        self._seals = [parse_seal(one.seal.value) for one in self._sets]
        if not self._seals:
            return
        if self._seals[-1].status is ChainStatus.FAIL:
            raise BrokenChain("an earlier handler found the chain broken")
        for number, seal in enumerate(self._seals):
            if seal.status is not (ChainStatus.PASS if number else ChainStatus.NONE):
                raise BrokenChain(f"cv={seal.status.value} in set {number + 1}")
        self._signature = parse_message_signature(self._sets[-1].message_signature.value)

    @property
    def may_be_sealed(self) -> bool:
        """Whether a set may be added: not after `MAX_SETS`, and not once a handler has sealed the chain as broken (§5.1, §4.2.1)."""
        by_number = {highest_instance({SEAL: [field]}): field for field in self._by_name.get(SEAL, ())}
        if highest_instance(self._by_name) >= MAX_SETS:
            return False
        try:
            return not by_number or parse_seal(by_number[max(by_number)].value).status is not ChainStatus.FAIL
        except DkimSyntaxError:
            return True

    def body_digests(self, body: Octets) -> dict[BodyKey, BodyDigest]:
        """Pure; for `conclude`."""
        return digests_of([self._signature] if self._signature is not None else [], body)

    async def conclude(self, digests: Mapping[BodyKey, BodyDigest], dns: AuthenticationDns, now: float) -> ArcResult:
        """`now` in epoch seconds."""
        if self.problem:
            return ArcResult(ChainStatus.FAIL, self.problem)
        if self._signature is None:
            return ArcResult(ChainStatus.NONE)
        try:
            async with asyncio.timeout(MAX_SECONDS):
                await self._check(self._signature, digests[body_key(self._signature)], dns, now)
        except (DnsFailure, TimeoutError) as error:
            return ArcResult(ChainStatus.FAIL, f"DNS: {error}", temporary=True)
        except (BrokenChain, DkimSyntaxError) as error:
            return ArcResult(ChainStatus.FAIL, str(error))
        return ArcResult(ChainStatus.PASS, sealers=tuple(seal.signature.domain for seal in self._seals))

    async def _check(self, signature: Signature, body: BodyDigest, dns: AuthenticationDns, now: float) -> None:
        if signature.expires_at is not None and signature.expires_at < now:
            raise BrokenChain("the message signature has expired")
        if signature.body_length is not None or signature.body_hash != body.digest:
            raise BrokenChain("the body was changed")
        last = self._sets[-1].message_signature
        signed = signed_octets(self._header, self._by_name, last, signature.fields, relaxed=signature.relaxed_header)
        await _check_signature(signature, signed, dns, "the message signature does not fit")
        for number in range(len(self._sets), 0, -1):
            own = self._sets[number - 1].seal
            octets = sealed_octets(
                self._header, self._sets[:number], without_signature(self._header[own.start : own.end])
            )
            await _check_signature(self._seals[number - 1].signature, octets, dns, f"seal {number} does not fit")


async def _check_signature(signature: Signature, octets: bytes, dns: AuthenticationDns, problem: str) -> None:
    _, verify = usable_key(await dns.txt(signature.key_name), signature)
    if not verify(signature.signature, octets):
        raise BrokenChain(problem)
