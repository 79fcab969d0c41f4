"""The check of banned addresses in the handler chain of a mailbox protocol."""

from compostela.base.settings import Place, Settings, nearest
from compostela.net.smtp.settings import read_handler_chain


def read_ban_check(chain: Settings | None, check: str, loaders: tuple[str, ...] = ()) -> Place | None:
    """Where the handler `check` is configured; None if it is not. `loaders` are James's loaders of commands, which are always
    there."""
    _, handlers = read_handler_chain(chain, loaders)
    found = None
    for handler in handlers:
        name = handler.required("class")
        short = name.rpartition(".")[2]
        if short == check:
            found = handler.place
        elif name and short not in loaders:
            handler.error(f"there is no handler {name!r}{nearest(short, [*loaders, check])}")
        handler.finish()
    return found
