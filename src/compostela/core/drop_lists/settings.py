"""`droplists.properties`."""

from dataclasses import dataclass

from compostela.base.settings import Settings


@dataclass(frozen=True, slots=True)
class DropListSettings:
    """Drop lists."""

    enabled: bool = False
    """Whether the matcher `IsInDropList` may be used."""


def read_drop_list_settings(settings: Settings) -> DropListSettings:
    read = DropListSettings(settings.boolean("enabled", False))
    settings.finish()
    return read
