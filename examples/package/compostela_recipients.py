"""Mails with many recipients: a matcher that finds them, and a mailet that tells how many there are."""

from compostela.base.errors import InvalidArgument
from compostela.core.mail.model import Mail
from compostela.mime.headers import add_last, field_line
from compostela.processing.mailet import Mailet, Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher
from compostela.processing.pipeline_run import PipelineRun


class MoreRecipientsThan(ConditionMatcher[int]):
    """Matches the mail when it has more recipients than the condition, a number."""

    def parse(self, condition: str) -> int:
        if not condition.isdecimal():
            raise InvalidArgument(f"MoreRecipientsThan needs a number, not {condition!r}")
        return int(condition)

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, len(mail.recipients) > self.wanted)


class CountRecipients(Mailet):
    """Adds a header field `X-Recipients` with their number."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        line = field_line("X-Recipients", str(len(mail.recipients)))
        mail.content = mail.content.with_header(add_last(mail.content.header, line))
