"""A mailet and a matcher of one's own.

In mailetcontainer.xml:

    <mailet match="examples.mailets.SubjectContains=invoice" class="examples.mailets.AddNote">
        <note>Please check the sender.</note>
    </mailet>
"""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Text
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers, add_last, field_line
from compostela.processing.mailet import Mailet, MailetContext, Matcher, Recipients, whole
from compostela.processing.pipeline_run import PipelineRun


class SubjectContains(Matcher):
    """Matches the mail when its subject contains the condition."""

    async def match(self, mail: Mail) -> Recipients:
        subject = decode(Headers(mail.content.header).get(b"Subject") or b"")
        return whole(mail, self.condition.lower() in subject.lower())


@dataclass(frozen=True, slots=True)
class AddNoteSettings:
    """Parameters of `AddNote`."""

    note: Annotated[str, Text("note")]
    """The note."""


class AddNote(Mailet):
    """Adds a header field `X-Note`."""

    parameters = AddNoteSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._line = field_line("X-Note", read(AddNoteSettings, settings).note)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.content = mail.content.with_header(add_last(mail.content.header, self._line))
