"""Matchers for mailing lists."""

from compostela.base.errors import InvalidArgument
from compostela.core.mail.model import Mail
from compostela.mime.headers import Headers
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Matcher, Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher, given

_FIELDS = (
    b"list-help",
    b"list-subscribe",
    b"list-unsubscribe",
    b"list-owner",
    b"list-post",
    b"list-id",
    b"list-archive",
)


class IsFromMailingList(Matcher):
    """A mailing list sent the mail: it has a List-* field (RFC 2369, RFC 2919), Precedence `list`, or an owner's or
    request address as its sender."""

    async def match(self, mail: Mail) -> Recipients:
        if mail.sender is not None:
            local = mail.sender.local_part.lower()
            if local.startswith("owner-") or local.endswith(("-request", "-owner")):
                return mail.recipients
        headers = Headers(mail.content.header)
        is_list = any(field.name.lower() in _FIELDS for field in headers)
        return whole(mail, is_list or (headers.get(b"Precedence") or b"").strip().lower() == b"list")


class CommandListservMatcher(ConditionMatcher[MailAddress]):
    """Recipients that are commands to the list of this address, `list-subscribe@domain` for `list@domain`."""

    def parse(self, condition: str) -> MailAddress:
        try:
            return MailAddress.parse(given(condition))
        except InvalidArgument as wrong:
            raise InvalidArgument(f"{condition!r}: {wrong}") from wrong

    async def match(self, mail: Mail) -> Recipients:
        prefix = self.wanted.local_part.lower() + "-"
        return [
            one
            for one in mail.recipients
            if one.domain == self.wanted.domain
            and one.local_part.lower().startswith(prefix)
            and len(one.local_part) > len(prefix)
        ]
