"""Matchers on recipients."""

from itertools import compress

from compostela.base.concurrency import side_by_side
from compostela.core.mail.model import Mail
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Matcher, Recipients, whole
from compostela.processing.matchers.conditions import compiled, items, number


class All(Matcher):
    """Everybody."""

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


class HostIs(Matcher):
    """Recipients in these domains."""

    async def match(self, mail: Mail) -> Recipients:
        domains = {Domain.parse(one) for one in items(self.condition)}
        return [recipient for recipient in mail.recipients if recipient.domain in domains]


class RecipientIs(Matcher):
    """These addresses."""

    async def match(self, mail: Mail) -> Recipients:
        wanted = {MailAddress.parse(one) for one in items(self.condition)}
        return [recipient for recipient in mail.recipients if recipient in wanted]


class RecipientIsRegex(Matcher):
    """Addresses that match a regular expression."""

    async def match(self, mail: Mail) -> Recipients:
        pattern = compiled(self.condition)
        return [recipient for recipient in mail.recipients if pattern.fullmatch(str(recipient))]


class UserIs(Matcher):
    """These local parts."""

    async def match(self, mail: Mail) -> Recipients:
        wanted = {one.lower() for one in items(self.condition)}
        return [recipient for recipient in mail.recipients if recipient.local_part.lower() in wanted]


class IsSingleRecipient(Matcher):
    """Exactly one recipient."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, len(mail.recipients) == 1)


class RecipientCountExceeds(Matcher):
    """More recipients than this."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, len(mail.recipients) > number(self.condition))
