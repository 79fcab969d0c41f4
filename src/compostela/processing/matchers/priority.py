"""Matchers on the priority of a mail, which `WithPriority` and MT-PRIORITY set. A mail without one has priority 0."""

from compostela.core.mail.attributes import MAIL_PRIORITY
from compostela.core.mail.model import Mail
from compostela.core.queue.model import HIGHEST_PRIORITY, LOWEST_PRIORITY, NORMAL_PRIORITY
from compostela.processing.mailet import Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher, number


class _PriorityMatcher(ConditionMatcher[int]):
    def parse(self, condition: str) -> int:
        return number(condition, LOWEST_PRIORITY, HIGHEST_PRIORITY)

    @staticmethod
    def _of(mail: Mail) -> int:
        priority = mail.attributes.get(MAIL_PRIORITY)
        return priority if isinstance(priority, int) else NORMAL_PRIORITY


class AtLeastPriority(_PriorityMatcher):
    """The mail's priority is this or higher."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, self._of(mail) >= self.wanted)


class AtMostPriority(_PriorityMatcher):
    """The mail's priority is this or lower."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, self._of(mail) <= self.wanted)


class HasPriority(_PriorityMatcher):
    """The mail's priority is this."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, self._of(mail) == self.wanted)
