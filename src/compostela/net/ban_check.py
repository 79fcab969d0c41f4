"""The check of banned addresses in the handler chain of a mailbox protocol."""

from typing import ClassVar, Self

from compostela.base.settings import Place, Settings, nearest
from compostela.net.handler_chain import HandlerChain


class BanCheckChain(HandlerChain):
    """A chain that has no other handler than the check, and James's loaders of commands, which change nothing."""

    __slots__ = ()

    CHECK: ClassVar[str]
    """The short name of the check."""

    @property
    def ban_check(self) -> Place | None:
        """Where the check is configured; None if it is not."""
        return next((one.settings.place for one in self.handlers if one.short_name == self.CHECK), None)

    def completed(self, settings: Settings) -> Self:
        known = (*self.LOADERS, self.CHECK)
        for one in self.handlers:
            if one.name and one.short_name not in known:
                one.settings.error(f"there is no handler {one.name!r}{nearest(one.short_name, known)}")
        return super().completed(settings)
