"""`recipientrewritetable.xml`."""

from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Integer
from compostela.base.declared import Declared, Group, Reader
from compostela.base.settings import Settings
from compostela.core.rewriting.srs import SrsSettings


@dataclass(frozen=True, slots=True)
class RewritingSettings(Declared):
    """How far mappings are followed."""

    WITHOUT_EFFECT = ("class", "name")
    NOT_YET = ("mapping",)

    recursive: Annotated[bool, Boolean("recursiveMapping")] = True
    """Whether targets are resolved again."""
    mapping_limit: Annotated[int, Integer("mappingLimit", minimum=0)] = 10
    """How many levels are followed before a recipient is an error."""
    srs: Annotated[SrsSettings | None, Group("srs", when="enabled")] = None
    """Senders of mail that is passed on to other domains are rewritten (SRS)."""

    def completed(self, settings: Settings) -> Self:
        if self.recursive and self.mapping_limit == 0:
            settings.error("mappingLimit must be above 0 with recursiveMapping", "mappingLimit")
        return self


read_rewriting_settings = Reader(RewritingSettings)
