"""`recipientrewritetable.xml`."""

from dataclasses import dataclass

from compostela.base.settings import Settings
from compostela.core.rewriting.srs import SrsSettings
from compostela.model.domain import Domain


@dataclass(frozen=True, slots=True)
class RewritingSettings:
    """How far mappings are followed."""

    recursive: bool = True
    """Whether targets are resolved again."""
    mapping_limit: int = 10
    """How many levels are followed before a recipient is an error."""
    srs: SrsSettings | None = None
    """Senders of mail that is passed on to other domains are rewritten (SRS)."""


def read_rewriting_settings(settings: Settings) -> RewritingSettings:
    section = settings.section("srs")
    read = RewritingSettings(
        settings.boolean("recursiveMapping", True),
        settings.integer("mappingLimit", 10, minimum=0),
        _read_srs(section) if section is not None else None,
    )
    if read.recursive and read.mapping_limit == 0:
        settings.error("mappingLimit must be above 0 with recursiveMapping", "mappingLimit")
    settings.ignored("class", "name")
    settings.not_yet("mapping")
    settings.finish()
    return read


def _read_srs(section: Settings) -> SrsSettings | None:
    """None if it is off."""
    read = SrsSettings(
        domain=section.parsed("domain", None, Domain.parse),
        max_age_days=section.integer("maxAgeDays", 21, minimum=1, maximum=500),
    )
    return read if section.boolean("enabled", True) else None
