"""Classes of an operator's own, named in the configuration."""

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points

from compostela.base.settings import Settings, nearest


def load_own_class(
    settings: Settings, kind: str, name: str, group: str, known: Iterable[str], place: str | None = None
) -> object:
    """The entry point of that name in the group, or what the dotted path names (`package.module.Class`, `package.module:Class`).
    None after a complaint, of the element `place` in the settings or of all of them; `known` are names that may have been
    meant."""
    for entry_point in entry_points(group=group):
        if entry_point.name == name:
            return entry_point.load()
    module, _, attribute = name.replace(":", ".").rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        settings.error(f"there is no {kind} {name!r}{nearest(name.rpartition('.')[2], known)}", place)
        return None
