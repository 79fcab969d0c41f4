"""The Sender Rewriting Scheme: mail that is passed on to another domain gets a sender of ours, which leads back to the real one.

`ann@remote.example` becomes `SRS0=hash=day=remote.example=ann@our.example`; an address that another server has made by this scheme
becomes
`SRS1=hash=server==rest@our.example`, so that it grows no further. The hash is made with a secret of this server, so that others
cannot have us send mail to an address of theirs, and the day ends that after `max_age_days`.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from compostela.base.clock import Clock
from compostela.base.declarations import Boolean, Integer, Parsed
from compostela.base.errors import InvalidArgument
from compostela.core.rewriting.resolution import MappingError
from compostela.model.domain import Domain
from compostela.model.mail_address import MAX_LOCAL_PART, MailAddress

SECRET = "srs"
_SRS0 = re.compile(r"SRS0[=+-](?P<hash>[^=]+)=(?P<day>[^=]+)=(?P<domain>[^=]+)=(?P<local>.+)", re.IGNORECASE)
_SRS1 = re.compile(r"SRS1[=+-](?P<hash>[^=]+)=(?P<domain>[^=]+)=(?P<rest>[=+-].+)", re.IGNORECASE)
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_DAYS = len(_DIGITS) ** 2
"""Days are counted up to this and then from 0 again."""
_DAY_SECONDS = 86400
_HASH_CHARACTERS = 6
_REFUSED = "This is no address of a mail that was passed on here"
_EXPIRED = "The mail was passed on too long ago"


@dataclass(frozen=True, slots=True)
class SrsSettings:
    """The element `srs`."""

    domain: Annotated[Domain | None, Parsed("domain", Domain.parse)] = None
    """The domain of rewritten senders, one that is managed here; without it the default domain."""
    max_age_days: Annotated[int, Integer("maxAgeDays", minimum=1, maximum=500)] = 21
    """How long reports come back."""
    enabled: Annotated[bool, Boolean("enabled")] = True
    """Rewrite senders. Without the element `srs`, they are not rewritten."""


class SenderRewriting:
    """Rewrites senders and leads back."""

    def __init__(
        self, domain: Domain, max_age_days: int, secret: Callable[[str], Awaitable[bytes]], clock: Clock
    ) -> None:
        self.domain = domain
        self._max_age_days = max_age_days
        self._read_secret = secret
        self._clock = clock
        self._secret = b""

    async def rewritten(self, sender: MailAddress) -> MailAddress | None:
        """None if the new address would be too long (RFC 5321 §4.5.3.1.1), or is one of the form that has quotes."""
        if sender.local_part.startswith('"') or sender.domain.name.startswith("["):
            return None
        other = _SRS1.fullmatch(sender.local_part)
        first = other["domain"] if other is not None else sender.domain.name
        rest = other["rest"] if other is not None else sender.local_part[4:]
        if other is not None or _SRS0.fullmatch(sender.local_part) is not None:
            local = f"SRS1={await self._hash(first, rest)}={first}={rest}"
        else:
            day = self._today()
            digits = _DIGITS[day // 32] + _DIGITS[day % 32]
            named = sender.domain.name
            local = f"SRS0={await self._hash(digits, named, sender.local_part)}={digits}={named}={sender.local_part}"
        return None if len(local.encode()) > MAX_LOCAL_PART else MailAddress(local, self.domain)

    async def original(self, address: MailAddress) -> MailAddress | None:
        """Where mail to a rewritten address goes; None for any other address. Raises `MappingError` for one that is not ours or too
        old."""
        if address.domain != self.domain:
            return None
        try:
            if (found := _SRS0.fullmatch(address.local_part)) is not None:
                await self._check(found["hash"], found["day"], found["domain"], found["local"])
                self._check_day(found["day"])
                return MailAddress.parse(f"{found['local']}@{found['domain']}")
            if (found := _SRS1.fullmatch(address.local_part)) is not None:
                await self._check(found["hash"], found["domain"], found["rest"])
                return MailAddress.parse(f"SRS0{found['rest']}@{found['domain']}")
        except InvalidArgument as error:
            raise MappingError(_REFUSED) from error
        return None

    async def _check(self, given: str, *parts: str) -> None:
        if not hmac.compare_digest(given.lower().encode(), (await self._hash(*parts)).encode()):
            raise MappingError(_REFUSED)

    def _check_day(self, digits: str) -> None:
        if len(digits) != 2 or not set(digits.lower()) <= set(_DIGITS):
            raise MappingError(_REFUSED)
        first, second = map(_DIGITS.index, digits.lower())
        if (self._today() - (first * 32 + second)) % _DAYS > self._max_age_days:
            raise MappingError(_EXPIRED)

    def _today(self) -> int:
        return int(self._clock.now() // _DAY_SECONDS) % _DAYS

    async def _hash(self, *parts: str) -> str:
        """In small letters, as all that is compared: servers on the way may change the case of a local part."""
        if not self._secret:
            self._secret = await self._read_secret(SECRET)
        digest = hmac.digest(self._secret, "=".join(parts).lower().encode(), hashlib.sha256)
        return base64.b32encode(digest).decode().lower()[:_HASH_CHARACTERS]
