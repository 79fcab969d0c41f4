"""DKIM at the end of the message (RFC 6376)."""

import enum
import logging
from collections.abc import Iterator, Sequence

from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, defer, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.mailauth.dkim.verification import DkimResult, DkimStatus, DkimVerification
from compostela.mailauth.dns import a_labels
from compostela.mime import addresses
from compostela.mime.headers import Headers
from compostela.model.domain import Domain
from compostela.smtp_hooks.context import HookContext, HookFactory

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


class DKIMHook(SmtpHook):
    """Refuses messages whose signatures do not hold. One that holds will do, by one of `expectedDToken` if those are set; the
    failure of a domain that only tries DKIM out (t=y) counts as no signature. With `onlyForSenderDomain` only mail of these
    domains is looked at, by the parts that `validatedEntities` names: the sender of the envelope, or the From header.
    Clients that may relay are not looked at."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        # every message that comes in has such line ends
        settings.ignored("forceCRLF")
        self._required = settings.boolean("signatureRequired", True)
        self._only_for = frozenset(_domains(settings, "onlyForSenderDomain"))
        self._signers = frozenset(_domains(settings, "expectedDToken"))
        self._entities = _entities(settings)
        self._dns = context.authentication_dns
        self._clock = context.clock

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        if session.relaying_allowed or (self._only_for and self._only_for.isdisjoint(self._senders(mail))):
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
        if Entity.ENVELOPE in self._entities and mail.sender is not None:
            yield a_labels(mail.sender.domain.name)
        if Entity.HEADERS in self._entities:
            for field in Headers(mail.content.header).get_all(b"From"):
                for mailbox in addresses.parse(field):
                    if mailbox.is_mailbox:
                        yield a_labels(mailbox.text().rpartition("@")[2].lower())

    def _answer(self, results: Sequence[DkimResult]) -> HookResult:
        valid = [one.domain for one in results if one.status is DkimStatus.PASS]
        if valid and (not self._signers or not self._signers.isdisjoint(valid)):
            return DECLINED
        if any(one.status is DkimStatus.TEMPERROR for one in results):
            return _UNSURE
        if valid:
            expected = ", ".join(sorted(self._signers))[:MAX_SHOWN]
            shown = ", ".join(valid)[:MAX_SHOWN]
            return deny(530, "5.7.21", f"DKIM check failed. Wrong d token. Expecting {expected}. Got {shown}.")
        if any(not one.testing for one in results):
            return _INVALID
        return _UNSIGNED if self._required else DECLINED


def _told(result: DkimResult) -> str:
    unsigned = f"{result.unsigned_octets} octets after l=" if result.unsigned_octets else ""
    return " ".join(filter(None, (f"{result.domain}: {result.status.value}", result.reason, unsigned)))


def _domains(settings: Settings, name: str) -> list[str]:
    found = []
    for text in settings.strings(name):
        try:
            found.append(a_labels(Domain.parse(text).name))
        except ValueError as error:
            settings.error(str(error), name)
    return found


def _entities(settings: Settings) -> frozenset[Entity]:
    found = set()
    for name in settings.strings("validatedEntities", ("envelope", "headers")):
        try:
            found.add(Entity(name.lower()))
        except ValueError:
            settings.error(f"{name!r} is neither 'envelope' nor 'headers'", "validatedEntities")
    return frozenset(found)


HOOKS: dict[str, HookFactory] = {
    "DKIMHook": DKIMHook,
}
