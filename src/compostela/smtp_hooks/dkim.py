"""DKIM at the end of the message (RFC 6376)."""

import enum
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean, Many
from compostela.base.declared import Declared, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, defer, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.mailauth.dkim.verification import DkimResult, DkimStatus, DkimVerification
from compostela.mailauth.dns import a_labels
from compostela.mime import addresses
from compostela.mime.headers import Headers
from compostela.model.domain import Domain
from compostela.smtp_hooks.context import HookContext

_log = logging.getLogger(__name__)

_UNSIGNED = deny(530, "5.7.20", "DKIM check failed. Expecting DKIM signatures. Got none.")
_INVALID = deny(530, "5.7.20", "DKIM check failed. Invalid signature.")
_UNSURE = defer(451, "4.4.3", "DKIM check failed for now: the key cannot be had. Please try again later.")
MAX_SHOWN = 100
"""Characters of a signer's domain in a reply."""


class Entity(enum.Enum):
    """Where the domain of a sender is taken from."""

    ENVELOPE = "envelope"
    HEADERS = "headers"


def _domain(text: str) -> str:
    try:
        return a_labels(Domain.parse(text).name)
    except ValueError as error:
        raise InvalidArgument(str(error)) from error


def _entity(text: str) -> Entity:
    try:
        return Entity(text.lower())
    except ValueError:
        raise InvalidArgument(f"{text!r} is neither 'envelope' nor 'headers'") from None


@dataclass(frozen=True, slots=True)
class DKIMHookSettings(Declared):
    """Parameters of `DKIMHook`."""

    # every message that comes in has CRLF
    WITHOUT_EFFECT = ("forceCRLF",)

    required: Annotated[bool, Boolean("signatureRequired")] = True
    """Whether a message without signatures is refused."""
    only_for: Annotated[frozenset[str], Many("onlyForSenderDomain", _domain, frozenset)] = frozenset()
    """Domains of senders whose mail is looked at; by default all mail is."""
    signers: Annotated[frozenset[str], Many("expectedDToken", _domain, frozenset)] = frozenset()
    """Domains of which one must have signed; by default any may."""
    entities: Annotated[tuple[Entity, ...], Many("validatedEntities", _entity)] = (Entity.ENVELOPE, Entity.HEADERS)
    """Where the sender's domain is taken from for `onlyForSenderDomain`: the envelope, the From field."""


class DKIMHook(SmtpHook):
    """Refuses messages whose signatures do not hold. One that holds will do, by one of `expectedDToken` if those are set; the
    failure of a domain that only tries DKIM out (t=y) counts as no signature. With `onlyForSenderDomain` only mail of these
    domains is looked at, by the parts that `validatedEntities` names: the sender of the envelope, or the From header.
    Clients that may relay are not looked at."""

    parameters = DKIMHookSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._settings = read(DKIMHookSettings, settings)
        self._dns = context.authentication_dns
        self._clock = context.clock

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        if session.relaying_allowed or (
            self._settings.only_for and self._settings.only_for.isdisjoint(self._senders(mail))
        ):
            return DECLINED
        verification = await DkimVerification.of(mail.content.header)
        results: list[DkimResult] = []
        if verification.is_signed:
            digests = await mail.content.body.apply(verification.body_digests)
            results = await verification.conclude(digests, self._dns, self._clock.now())
        answer = self._answer(results)
        _log.info(
            "DKIM checked",
            extra={
                "ip": session.remote_address,
                "mail": mail.name,
                "signatures": list(map(_told, results)),
                "accepted": answer is DECLINED,
            },
        )
        return answer

    def _senders(self, mail: Mail) -> Iterator[str]:
        if Entity.ENVELOPE in self._settings.entities and mail.sender is not None:
            yield a_labels(mail.sender.domain.name)
        if Entity.HEADERS in self._settings.entities:
            for field in Headers(mail.content.header).get_all(b"From"):
                for mailbox in addresses.parse(field):
                    if mailbox.is_mailbox:
                        yield a_labels(mailbox.text().rpartition("@")[2].lower())

    def _answer(self, results: Sequence[DkimResult]) -> HookResult:
        valid = [one.domain for one in results if one.status is DkimStatus.PASS]
        if valid and (not self._settings.signers or not self._settings.signers.isdisjoint(valid)):
            return DECLINED
        if any(one.status is DkimStatus.TEMPERROR for one in results):
            return _UNSURE
        if valid:
            expected = ", ".join(sorted(self._settings.signers))[:MAX_SHOWN]
            shown = ", ".join(valid)[:MAX_SHOWN]
            return deny(530, "5.7.21", f"DKIM check failed. Wrong d token. Expecting {expected}. Got {shown}.")
        if any(not one.testing for one in results):
            return _INVALID
        return _UNSIGNED if self._settings.required else DECLINED


def _told(result: DkimResult) -> str:
    unsigned = f"{result.unsigned_octets} octets after l=" if result.unsigned_octets else ""
    return " ".join(filter(None, (f"{result.domain}: {result.status.value}", result.reason, unsigned)))


HOOKS: dict[str, type[SmtpHook]] = {
    "DKIMHook": DKIMHook,
}
