"""IsInDropList: which recipients a sender may write to."""

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.drop_lists.service import accepts
from compostela.core.mail.model import Mail
from compostela.processing.mailet import Matcher, MatcherContext, Recipients, whole


class IsInDropList(Matcher):
    """The recipients that *accept* the sender, whatever the name says: no drop list of everybody, of their domain or of their own has the
    sender's address or domain. A mail without sender is accepted. Needs `enabled=true` in droplists.properties.

    So mail for these recipients goes on, and what comes after is for the others:

        <mailet match="IsInDropList" class="ToProcessor"><processor>transport</processor></mailet>
        <mailet match="All" class="Null"/>"""

    def __init__(self, condition: str, settings: Settings, context: MatcherContext) -> None:
        super().__init__(condition, settings, context)
        if not context.drop_lists_enabled:
            raise InvalidArgument("drop lists are off: set enabled=true in droplists.properties")

    async def match(self, mail: Mail) -> Recipients:
        sender = mail.sender
        if sender is None:
            return whole(mail, True)
        return [one for one in mail.recipients if await accepts(self.context.drop_lists, sender, one)]
