"""Matchers made of matchers."""

from collections.abc import Callable, Sequence

from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Matcher, MatcherContext, Recipients


class _Composite(Matcher):
    def __init__(self, operands: Sequence[Matcher], settings: Settings, context: MatcherContext) -> None:
        super().__init__("", settings, context)
        self.operands = operands
        if not operands:
            settings.error("a composite needs matchers inside")

    def _ordered(self, mail: Mail, found: set[MailAddress]) -> Recipients:
        return [recipient for recipient in mail.recipients if recipient in found]


class And(_Composite):
    """Recipients that all operands match."""

    async def match(self, mail: Mail) -> Recipients:
        found = set(mail.recipients)
        for operand in self.operands:
            found &= set(await operand.match(mail))
            if not found:
                return ()
        return self._ordered(mail, found)


class Or(_Composite):
    """Recipients that any operand matches."""

    async def match(self, mail: Mail) -> Recipients:
        found: set[MailAddress] = set()
        for operand in self.operands:
            found |= set(await operand.match(mail))
            if len(found) == len(mail.recipients):
                return mail.recipients
        return self._ordered(mail, found)


class Not(_Composite):
    """Recipients that no operand matches."""

    async def match(self, mail: Mail) -> Recipients:
        found = set(mail.recipients)
        for operand in self.operands:
            found -= set(await operand.match(mail))
        return self._ordered(mail, found)


class Xor(_Composite):
    """Recipients that an odd number of operands match."""

    async def match(self, mail: Mail) -> Recipients:
        found: set[MailAddress] = set()
        for operand in self.operands:
            found ^= set(await operand.match(mail))
        return self._ordered(mail, found)


CompositeFactory = Callable[[Sequence[Matcher], Settings, MatcherContext], Matcher]
COMPOSITES: dict[str, CompositeFactory] = {"And": And, "Or": Or, "Not": Not, "Xor": Xor}
