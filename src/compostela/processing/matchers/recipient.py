"""Matchers on recipients."""

import re
from itertools import compress

from compostela.base.concurrency import side_by_side
from compostela.core.mail.model import Mail
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Matcher, Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher, addresses, compiled, domains, number, some


class All(Matcher):
    """All recipients."""

    matches_all = True

    async def match(self, mail: Mail) -> Recipients:
        return mail.recipients


class RecipientIsLocal(Matcher):
    """Existing users."""

    async def match(self, mail: Mail) -> Recipients:
        found = await side_by_side(mail.recipients, self.context.is_local_user)
        return list(compress(mail.recipients, found))


class HostIsLocal(Matcher):
    """Recipients in domains that are managed here."""

    async def match(self, mail: Mail) -> Recipients:
        domains = list({recipient.domain for recipient in mail.recipients})
        found = set(compress(domains, await side_by_side(domains, self.context.domains.contains)))
        return [recipient for recipient in mail.recipients if recipient.domain in found]


class HostIs(ConditionMatcher[frozenset[Domain]]):
    """Recipients in these domains."""

    def parse(self, condition: str) -> frozenset[Domain]:
        return domains(condition)

    async def match(self, mail: Mail) -> Recipients:
        return [recipient for recipient in mail.recipients if recipient.domain in self.wanted]


class RecipientIs(ConditionMatcher[frozenset[MailAddress]]):
    """These addresses."""

    def parse(self, condition: str) -> frozenset[MailAddress]:
        return addresses(condition)

    async def match(self, mail: Mail) -> Recipients:
        return [recipient for recipient in mail.recipients if recipient in self.wanted]


class RecipientIsRegex(ConditionMatcher[re.Pattern[str]]):
    """Addresses that match a regular expression."""

    def parse(self, condition: str) -> re.Pattern[str]:
        return compiled(condition)

    async def match(self, mail: Mail) -> Recipients:
        return [recipient for recipient in mail.recipients if self.wanted.fullmatch(str(recipient))]


class UserIs(ConditionMatcher[frozenset[str]]):
    """These local parts."""

    def parse(self, condition: str) -> frozenset[str]:
        return frozenset(one.lower() for one in some(condition))

    async def match(self, mail: Mail) -> Recipients:
        return [recipient for recipient in mail.recipients if recipient.local_part.lower() in self.wanted]


class IsSingleRecipient(Matcher):
    """Exactly one recipient."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, len(mail.recipients) == 1)


class RecipientCountExceeds(ConditionMatcher[int]):
    """More recipients than this."""

    def parse(self, condition: str) -> int:
        return number(condition)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, len(mail.recipients) > self.wanted)
