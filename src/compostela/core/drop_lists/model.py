"""Drop lists: which senders may not write to which recipients."""

import enum
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress


class Scope(enum.Enum):
    """The recipients that a list is for (James's words)."""

    GLOBAL = "global"
    DOMAIN = "domain"
    USER = "user"


@dataclass(frozen=True, slots=True)
class DropList:
    """A list by its scope and owner: a domain's name, an address, or "" for the global one. Lower case."""

    scope: Scope
    owner: str

    @classmethod
    def of(cls, scope: Scope, owner: str) -> "DropList":
        """Raises `InvalidArgument` for an owner that is no domain or no address."""
        match scope:
            case Scope.DOMAIN:
                return cls(scope, Domain.parse(owner).name)
            case Scope.USER:
                return cls(scope, str(MailAddress.parse(owner)).lower())
            case Scope.GLOBAL:
                return GLOBAL


GLOBAL = DropList(Scope.GLOBAL, "")


class DeniedKind(enum.Enum):
    """James's words."""

    ADDRESS = "address"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class Denied:
    """What a list turns away: one address, or all of a domain. Lower case."""

    kind: DeniedKind
    name: str

    @classmethod
    def parse(cls, text: str) -> "Denied":
        """Read an address or a domain. Raises `InvalidArgument`."""
        if "@" in text:
            return cls(DeniedKind.ADDRESS, str(MailAddress.parse(text)).lower())
        try:
            return cls(DeniedKind.DOMAIN, Domain.parse(text).name)
        except InvalidArgument as wrong:
            raise InvalidArgument(f"{text!r} is neither an address nor a domain") from wrong
