"""The `handlerchain` of a server: the loader of its core handlers, and the configured handlers."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from compostela.base.declarations import Text
from compostela.base.declared import Declared, Each, Taken
from compostela.base.settings import Settings, nearest


@dataclass(frozen=True, slots=True)
class Handler:
    """A `handler` element."""

    settings: Annotated[Settings, Taken(lambda settings: settings)]
    """The element itself, for what reads the rest of it."""
    name: Annotated[str, Text("class")] = ""
    """A class of handlers."""

    @property
    def short_name(self) -> str:
        """Without the package."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class HandlerChain(Declared):
    """The `handlerchain` element. What makes the handlers also reports what is unknown in them."""

    WITHOUT_EFFECT: ClassVar[tuple[str, ...]] = ("enableJmx", "jmxHandlersPackage")
    LOADERS: ClassVar[tuple[str, ...]] = ()
    """The loaders that a protocol has, by their short names."""

    package: Annotated[str, Text("coreHandlersPackage")] = ""
    """The loader of the core handlers."""
    handlers: Annotated[tuple[Handler, ...], Each("handler", finish=False)] = ()

    @property
    def loader(self) -> str:
        """The loader of the core handlers by its short name."""
        return self.package.rpartition(".")[2]

    def completed(self, settings: Settings) -> Self:
        if self.loader not in ("", *self.LOADERS):
            settings.error(f"there is no {self.package!r} here{nearest(self.loader, self.LOADERS)}")
        return self
