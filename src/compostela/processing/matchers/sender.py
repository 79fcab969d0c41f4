"""Matchers on the envelope's sender and on how it came in. All of them match the mail as a whole."""

import re

from compostela.core.mail import attributes
from compostela.core.mail.model import Mail
from compostela.core.rewriting.resolution import MappingError
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Matcher, Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher, addresses, compiled, domains, some


class SMTPAuthSuccessful(Matcher):
    """The client has authenticated."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, attributes.SMTP_AUTH_USER in mail.attributes)


class SMTPIsAuthNetwork(Matcher):
    """The client may relay by its address."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.attributes.get(attributes.SMTP_IS_AUTH_NETWORK) is True)


class SentByMailet(Matcher):
    """A mailet of ours made the mail."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, attributes.SENT_BY_MAILET in mail.attributes)


class SentByJmap(Matcher):
    """A user sent it over JMAP."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, attributes.SENT_BY_JMAP in mail.attributes)


class SMTPAuthUserIs(ConditionMatcher[frozenset[str]]):
    """The client has authenticated as one of these users."""

    def parse(self, condition: str) -> frozenset[str]:
        return frozenset(one.lower() for one in some(condition))

    async def match(self, mail: Mail) -> Recipients:
        user = mail.attributes.get(attributes.SMTP_AUTH_USER)
        return whole(mail, isinstance(user, str) and user.lower() in self.wanted)


class SenderIs(ConditionMatcher[frozenset[MailAddress]]):
    """The sender is one of these addresses."""

    def parse(self, condition: str) -> frozenset[MailAddress]:
        return addresses(condition)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is not None and mail.sender in self.wanted)


class SenderIsNull(Matcher):
    """The reverse path is null."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is None)


class SenderIsRegex(ConditionMatcher[re.Pattern[str]]):
    """The sender matches a regular expression."""

    def parse(self, condition: str) -> re.Pattern[str]:
        return compiled(condition)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is not None and self.wanted.fullmatch(str(mail.sender)) is not None)


class SenderDomainIs(ConditionMatcher[frozenset[Domain]]):
    """The sender's domain is one of these."""

    def parse(self, condition: str) -> frozenset[Domain]:
        return domains(condition)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is not None and mail.sender.domain in self.wanted)


class SenderHostIsLocal(Matcher):
    """The sender's domain is managed here."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is not None and await self.context.domains.contains(mail.sender.domain))


class SenderIsLocal(Matcher):
    """The sender is a user here."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is not None and await self.context.is_local_user(mail.sender))


class IsSenderInRRTLoop(Matcher):
    """The sender's own mappings loop."""

    async def match(self, mail: Mail) -> Recipients:
        if mail.sender is None:
            return ()
        try:
            await self.context.rewriting.resolve(mail.sender)
        except MappingError:
            return mail.recipients
        return ()
