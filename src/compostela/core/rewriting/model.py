"""Mappings of the recipient rewrite table."""

import enum
from dataclasses import dataclass

from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress


class MappingType(enum.Enum):
    """Kinds of mapping with their stored prefix and order of application (James's)."""

    DOMAIN = ("domain:", 1)
    DOMAIN_ALIAS = ("domainAlias:", 1)
    GROUP = ("group:", 2)
    FORWARD = ("forward:", 3)
    ALIAS = ("alias:", 3)
    ADDRESS = ("", 4)
    REGEX = ("regex:", 4)
    ERROR = ("error:", 4)

    @property
    def prefix(self) -> str:
        return self.value[0]

    @property
    def order(self) -> int:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Mapping:
    """One target: `text` is a domain, an address, `regex:template` or `code text`, as its type says, without the prefix."""

    type: MappingType
    text: str


@dataclass(frozen=True, slots=True)
class MappingSource:
    """An address, or a whole domain when `local_part` is None. Lower case."""

    local_part: str | None
    domain: Domain

    @classmethod
    def of_address(cls, address: MailAddress) -> "MappingSource":
        return cls(address.local_part.lower(), address.domain)

    @classmethod
    def of_domain(cls, domain: Domain) -> "MappingSource":
        return cls(None, domain)

    @classmethod
    def parse(cls, text: str) -> "MappingSource":
        """Read an address, or `*@domain` for a whole domain. Raises `InvalidArgument`."""
        if text.startswith("*@"):
            return cls.of_domain(Domain.parse(text[2:]))
        return cls.of_address(MailAddress.parse(text))

    def __str__(self) -> str:
        return f"{self.local_part or '*'}@{self.domain}"
