"""`mailrepositorystore.xml`."""

from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Many, Text
from compostela.base.declared import Declared, Each, Reader
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.repository.ports import RepositoryUrl

_PROTOCOLS = ("embedded", "cassandra", "file", "memory", "jpa", "postgres", "mem")


@dataclass(frozen=True, slots=True)
class RepositoryKind(Declared):
    """The element `mailrepository`: the class that it names has no meaning here, its protocols do."""

    WITHOUT_EFFECT = ("class", "config")

    protocols: Annotated[tuple[str, ...], Many("protocols/protocol")] = ()
    """Protocols that may be named beside the usual ones: all are kept in the same store."""


@dataclass(frozen=True, slots=True)
class RepositorySettings(Declared):
    """Names of mail repositories."""

    default_protocol: Annotated[str, Text("defaultProtocol")] = "embedded"
    """Protocol of a path without one."""
    kinds: Annotated[tuple[RepositoryKind, ...], Each("mailrepositories/mailrepository")] = ()

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols that may be named: the embedded edition keeps all of them in its own store."""
        return tuple(dict.fromkeys([*_PROTOCOLS, *(name for kind in self.kinds for name in kind.protocols)]))

    def url(self, text: str) -> RepositoryUrl:
        """A configured repository. Raises `InvalidArgument` also for a protocol that is not known."""
        url = RepositoryUrl.parse(text, self.default_protocol)
        if url.protocol not in self.protocols:
            raise InvalidArgument(f"{url.protocol!r} is none of the repository protocols {', '.join(self.protocols)}")
        return url

    def completed(self, settings: Settings) -> Self:
        if self.default_protocol not in self.protocols:
            settings.error(
                f"{self.default_protocol!r} is none of the protocols {', '.join(self.protocols)}", "defaultProtocol"
            )
        return self


read_repository_settings = Reader(RepositorySettings)
