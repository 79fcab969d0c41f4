"""Matchers on the envelope's sender and on how it came in. All of them match the mail as a whole."""

import re

from compostela.core.mail import attributes
from compostela.core.mail.model import Mail
from compostela.core.rewriting.resolution import MappingError
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Matcher, Recipients, whole
from compostela.processing.matchers.conditions import compiled, items


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


class SMTPAuthUserIs(Matcher):
    """The client has authenticated as one of these users."""

    async def match(self, mail: Mail) -> Recipients:
        user = mail.attributes.get(attributes.SMTP_AUTH_USER)
        return whole(mail, isinstance(user, str) and user.lower() in {one.lower() for one in items(self.condition)})


class SenderIs(Matcher):
    """The sender is one of these addresses."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(
            mail, mail.sender is not None and mail.sender in {MailAddress.parse(i) for i in items(self.condition)}
        )


class SenderIsNull(Matcher):
    """The reverse path is null."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is None)


class SenderIsRegex(Matcher):
    """The sender matches a regular expression."""

    async def match(self, mail: Mail) -> Recipients:
        pattern: re.Pattern[str] = compiled(self.condition)
        return whole(mail, mail.sender is not None and pattern.fullmatch(str(mail.sender)) is not None)


class SenderDomainIs(Matcher):
    """The sender's domain is one of these."""

    async def match(self, mail: Mail) -> Recipients:
        domains = {Domain.parse(one) for one in items(self.condition)}
        return whole(mail, mail.sender is not None and mail.sender.domain in domains)


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
