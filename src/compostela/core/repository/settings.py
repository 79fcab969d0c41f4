"""`mailrepositorystore.xml`."""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.repository.ports import RepositoryUrl

_PROTOCOLS = ("embedded", "cassandra", "file", "memory", "jpa", "postgres", "mem")


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """Names of mail repositories."""

    default_protocol: str = "embedded"
    """Protocol of a path without one."""
    protocols: tuple[str, ...] = _PROTOCOLS
    """Protocols that may be named: the embedded edition keeps all of them in its own store."""

    def url(self, text: str) -> RepositoryUrl:
        """A configured repository. Raises `InvalidArgument` also for a protocol that is not known."""
        url = RepositoryUrl.parse(text, self.default_protocol)
        if url.protocol not in self.protocols:
            raise InvalidArgument(f"{url.protocol!r} is none of the repository protocols {', '.join(self.protocols)}")
        return url


def read_repository_settings(settings: Settings) -> RepositorySettings:
    """Reads the whole file; the classes named there have no meaning here, their protocols do."""
    default = settings.text("defaultProtocol", "embedded")
    protocols = list(_PROTOCOLS)
    repositories = settings.section("mailrepositories")
    if repositories is not None:
        for repository in repositories.sections("mailrepository"):
            section = repository.section("protocols")
            protocols += section.strings("protocol") if section is not None else []
            repository.ignored("class", "config")
            repository.finish()
    if default not in protocols:
        settings.error(f"{default!r} is none of the protocols {', '.join(protocols)}", "defaultProtocol")
    settings.finish()
    return RepositorySettings(default, tuple(dict.fromkeys(protocols)))
