"""The matcher on quotas of recipients."""

from compostela.base.errors import QuotaExceeded
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Matcher, Recipients


class IsOverQuota(Matcher):
    """Recipients with a mailbox here whose quota this mail would exceed. Other recipients, and users without a limit, do not match; as long as
    quotas cannot be set, that is every user."""

    async def match(self, mail: Mail) -> Recipients:
        return [one for one in mail.recipients if await self._is_over(one, mail.size)]

    async def _is_over(self, recipient: MailAddress, size_bytes: int) -> bool:
        user = await self.context.users.user_for(recipient)
        if user is None or not self.context.quota.has_limit(user):
            return False
        try:
            await self.context.quota.check(user, 1, size_bytes)
        except QuotaExceeded:
            return True
        return False
