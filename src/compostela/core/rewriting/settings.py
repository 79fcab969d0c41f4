"""`recipientrewritetable.xml`."""

from dataclasses import dataclass

from compostela.base.settings import Settings


@dataclass(frozen=True, slots=True)
class RewritingSettings:
    """How far mappings are followed."""

    recursive: bool = True
    """Whether targets are resolved again."""
    mapping_limit: int = 10
    """How many levels are followed before a recipient is an error."""


def read_rewriting_settings(settings: Settings) -> RewritingSettings:
    read = RewritingSettings(
        settings.boolean("recursiveMapping", True), settings.integer("mappingLimit", 10, minimum=0)
    )
    if read.recursive and read.mapping_limit == 0:
        settings.error("mappingLimit must be above 0 with recursiveMapping", "mappingLimit")
    settings.ignored("class", "name")
    settings.not_yet("mapping")
    settings.finish()
    return read
