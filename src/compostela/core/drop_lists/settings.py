"""`droplists.properties`."""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean
from compostela.base.declared import Reader


@dataclass(frozen=True, slots=True)
class DropListSettings:
    """Drop lists."""

    enabled: Annotated[bool, Boolean("enabled")] = False
    """Whether the matcher `IsInDropList` may be used."""


read_drop_list_settings = Reader(DropListSettings)
