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
    meant. What is there and cannot be imported is complained about with the reason."""
    module, _, attribute = name.replace(":", ".").rpartition(".")
    try:
        for entry_point in entry_points(group=group):
            if entry_point.name == name:
                return entry_point.load()
        found = getattr(import_module(module), attribute, None) if module else None
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            settings.error(_broken(kind, name, error), place)
            return None
        found = None
    except Exception as error:  # whatever a module of somebody else's does when it is imported
        settings.error(_broken(kind, name, error), place)
        return None
    if found is None:
        settings.error(f"there is no {kind} {name!r}{nearest(name.rpartition('.')[2], known)}", place)
    return found


def _broken(kind: str, name: str, error: Exception) -> str:
    return f"the {kind} {name!r} cannot be loaded: {type(error).__name__}: {error}"
