"""Classes of an operator's own, named in the configuration."""

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import entry_points

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings, nearest


def load_extension(
    settings: Settings, kind: str, base: type, name: str, group: str, known: Iterable[str], place: str | None = None
) -> Callable[..., object] | None:
    """See `find_extension`. None after a complaint, of the element `place` in the settings or of all of them."""
    try:
        return find_extension(kind, base, name, group, known)
    except InvalidArgument as error:
        settings.error(str(error), place)
        return None


def find_extension(kind: str, base: type, name: str, group: str, known: Iterable[str] = ()) -> Callable[..., object]:
    """What makes objects of the class that is the entry point of that name in the group, or that the dotted path names
    (`package.module.Class`, `package.module:Class`); a function that makes them will do too. It raises `InvalidArgument` when
    that fails or what comes is no `base`. Raises `InvalidArgument` with the reason if there is no such class or it cannot be
    imported; `known` are names that may have been meant."""
    module, _, attribute = name.replace(":", ".").rpartition(".")
    try:
        found = _found(name, group, module, attribute)
    except Exception as error:  # whatever a module of somebody else's does when it is imported
        raise InvalidArgument(f"the {kind} {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if found is None:
        raise InvalidArgument(f"there is no {kind} {name!r}{nearest(name.rpartition('.')[2], known)}")
    if not callable(found) or (isinstance(found, type) and not issubclass(found, base)):
        raise InvalidArgument(f"{name!r} is no class of {base.__name__}")
    return _maker(found, kind, base, name)


def _found(name: str, group: str, module: str, attribute: str) -> object | None:
    for entry_point in entry_points(group=group):
        if entry_point.name == name:
            loaded: object = entry_point.load()
            return loaded
    try:
        return getattr(import_module(module), attribute, None) if module else None
    except ModuleNotFoundError as error:
        # the module itself, or one that it imports
        if f"{module}.".startswith(f"{error.name}."):
            return None
        raise


def _maker(found: Callable[..., object], kind: str, base: type, name: str) -> Callable[..., object]:
    def make(*arguments: object) -> object:
        try:
            made = found(*arguments)
        except InvalidArgument:
            raise
        except Exception as error:
            # somebody else's code: the operator is told which, like of any other mistake in the file
            raise InvalidArgument(f"the {kind} {name!r} cannot be made: {type(error).__name__}: {error}") from error
        if not isinstance(made, base):
            raise InvalidArgument(f"{name!r} is no class of {base.__name__}")
        return made

    return make
