"""Matchers on attributes, header fields and size. All of them match the mail as a whole."""

from compostela.base.units import parse_size
from compostela.core.mail.attributes import AT_MOST_EXECUTIONS, IS_DELIVERY_PERMANENT_ERROR
from compostela.core.mail.model import Mail
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.processing.mailet import Matcher, Recipients, whole
from compostela.processing.matchers.conditions import compiled, number


class RelayLimit(Matcher):
    """As many Received fields as this, or more: the mail is in a loop."""

    async def match(self, mail: Mail) -> Recipients:
        header = mail.content.header
        limit = number(self.condition)
        if header.lower().count(b"received") < limit:
            return ()
        return whole(mail, Headers(header).count(b"Received") >= limit)


class HasMailAttribute(Matcher):
    """An attribute of this name is there."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, self.condition in mail.attributes)


class HasMailAttributeWithValue(Matcher):
    """`name, value`."""

    async def match(self, mail: Mail) -> Recipients:
        name, _, value = self.condition.partition(",")
        return whole(mail, name.strip() in mail.attributes and str(mail.attributes[name.strip()]) == value.strip())


class HasMailAttributeWithValueRegex(Matcher):
    """`name, regular expression`."""

    async def match(self, mail: Mail) -> Recipients:
        name, _, expression = self.condition.partition(",")
        value = mail.attributes.get(name.strip())
        return whole(mail, value is not None and compiled(expression.strip()).fullmatch(str(value)) is not None)


class AtMost(Matcher):
    """`[attribute:]n`: the first n times that the mail comes here."""

    async def match(self, mail: Mail) -> Recipients:
        name, _, limit = self.condition.rpartition(":")
        name = name or AT_MOST_EXECUTIONS
        passed = mail.attributes.get(name, 0)
        count = passed if isinstance(passed, int) else 0
        if count >= number(limit):
            return ()
        mail.attributes[name] = count + 1
        return mail.recipients


class IsRemoteDeliveryPermanentError(Matcher):
    """The next hop refused for good."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.attributes.get(IS_DELIVERY_PERMANENT_ERROR) is True)


class IsRemoteDeliveryTemporaryError(Matcher):
    """The next hop refused for now."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.attributes.get(IS_DELIVERY_PERMANENT_ERROR) is False)


class SizeGreaterThan(Matcher):
    """The message is larger than `n[k|m]`."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.size > parse_size(self.condition))


class HasHeader(Matcher):
    """`name[=value][+name…]`: all of these fields are there."""

    async def match(self, mail: Mail) -> Recipients:
        headers = Headers(mail.content.header)
        for wanted in self.condition.split("+"):
            name, equals, value = wanted.strip().partition("=")
            found = headers.get_all(name.encode())
            if not found or (equals and value not in {decode(one) for one in found}):
                return ()
        return mail.recipients


class SubjectIs(Matcher):
    """The decoded subject is this."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, decode(Headers(mail.content.header).get(b"Subject") or b"") == self.condition)


class SubjectStartsWith(Matcher):
    """The decoded subject begins so."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, decode(Headers(mail.content.header).get(b"Subject") or b"").startswith(self.condition))
