"""WrapText and UnwrapText: plain text in the form `format=flowed` (RFC 3676), and back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean, Integer
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.mime.editing import changed, editable, header_of, text_of, with_text
from compostela.mime.flowed import deflow, flow, join_quotes
from compostela.mime.parameters import Parameters, get
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.texts import edit, is_text
from compostela.processing.pipeline_run import PipelineRun

_FLOWED = b"flowed"


@dataclass(frozen=True, slots=True)
class WrapTextSettings:
    """Parameters of `WrapText`."""

    delsp: Annotated[bool, Boolean("delsp")] = False
    """Whether lines may break within words of languages without blanks."""
    width: Annotated[int, Integer("width", minimum=20, maximum=998)] = 76
    """Characters of a line."""


class WrapText(Mailet):
    """Breaks long lines of plain text so that readers can join them again. Signed text is left as it is."""

    parameters = WrapTextSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read(WrapTextSettings, settings)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        await edit(mail, lambda header, body: _edited(header, body, self._flowed))

    def _flowed(self, part: Part, text: str) -> tuple[str, Parameters] | None:
        if _is_flowed(part):
            return None
        delsp = ((b"delsp", b"yes"),) if self._settings.delsp else ()
        return flow(text, self._settings.width, delsp=self._settings.delsp), (
            *part.parameters,
            (b"format", _FLOWED),
            *delsp,
        )


@dataclass(frozen=True, slots=True)
class UnwrapTextSettings:
    """Parameters of `UnwrapText`."""

    quote_width: Annotated[int, Integer("quotewidth")] = -10
    """Characters of a quoted line that a mail program has broken; 0 to leave them. With a negative number the longest line of a quote
    decides, give or take so many characters."""


class UnwrapText(Mailet):
    """Makes each paragraph of flowed plain text one line, and joins lines of quotes that a mail program has broken."""

    parameters = UnwrapTextSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._quote_width = read(UnwrapTextSettings, settings).quote_width

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        await edit(mail, lambda header, body: _edited(header, body, self._fixed))

    def _fixed(self, part: Part, text: str) -> tuple[str, Parameters] | None:
        made = text
        if _is_flowed(part):
            made = deflow(text, delsp=(get(part.parameters, b"delsp") or b"").lower() == b"yes")
        if self._quote_width:
            made = join_quotes(made, self._quote_width)
        rest = tuple(one for one in part.parameters if one[0].lower() not in (b"format", b"delsp"))
        return None if made == text else (made, rest)


def _is_flowed(part: Part) -> bool:
    return (get(part.parameters, b"format") or b"").lower() == _FLOWED


def _edited(
    header: bytes, body: bytes, change: Callable[[Part, str], tuple[str, Parameters] | None]
) -> tuple[bytes, bytes] | None:
    changes = []
    for part in editable(describe(header, body).root):
        made = change(part, text_of(part, body)) if is_text(part, b"plain") else None
        if made is not None:
            changes.append(with_text(part, header_of(part, header, body), made[0], parameters=made[1]))
    return changed(header, body, changes) if changes else None
