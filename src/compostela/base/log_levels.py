"""How much is logged: a level for everything, and levels for components, which may change while the process runs."""

import logging
from collections.abc import Iterable, Mapping

from compostela.base.errors import InvalidArgument

LEVELS = ("debug", "info", "warning", "error")
DEFAULT_LEVEL = "info"
ALL = "all"
"""The name of everything together."""
_OWN = "compostela"


class LogLevels:
    """The levels of one process. A component without a level of its own has that of `ALL`. Libraries never log at debug level."""

    def __init__(self, components: Mapping[str, tuple[str, ...]], levels: Mapping[str, str]) -> None:
        """`components` names the loggers of each. Raises `InvalidArgument` as `set` does."""
        self._components = components
        self._levels: dict[str, str] = {}
        self._start = {ALL: DEFAULT_LEVEL, **{name: _level(level) for name, level in levels.items()}}
        for name in self._start:
            self._check(name)
        self._levels = dict(self._start)

    @property
    def names(self) -> list[str]:
        """`ALL`, then the components."""
        return [ALL, *self._components]

    def level(self, name: str) -> str:
        """The level in force. Raises `InvalidArgument` for a component that does not exist."""
        self._check(name)
        return self._levels.get(name, self._levels[ALL])

    def has_own(self, name: str) -> bool:
        """Whether the component has a level of its own."""
        return name in self._levels

    @property
    def of_start(self) -> dict[str, str]:
        """The levels at the start, by component."""
        return dict(self._start)

    def changed(self) -> dict[str, str]:
        """The levels of components that are not those of the start."""
        return {name: level for name, level in self._levels.items() if self._start.get(name) != level}

    def set(self, name: str, level: str) -> None:
        """From now on. Raises `InvalidArgument` for a component or a level that does not exist."""
        self._check(name)
        self._levels[name] = _level(level)
        self.apply()

    def reset(self, name: str) -> None:
        """Takes back what `set` has done: the level is the one of the start. Raises `InvalidArgument`."""
        self._check(name)
        self._levels.pop(name, None)
        if name in self._start:
            self._levels[name] = self._start[name]
        self.apply()

    def apply(self) -> None:
        """Sets the levels of the loggers."""
        everything = _number(self._levels[ALL])
        logging.getLogger().setLevel(max(everything, logging.INFO))
        logging.getLogger(_OWN).setLevel(everything)
        for name, loggers in self._components.items():
            own = self._levels.get(name)
            for logger in loggers:
                logging.getLogger(logger).setLevel(logging.NOTSET if own is None else _number(own))

    def _check(self, name: str) -> None:
        if name not in self.names:
            raise InvalidArgument(
                f"there is no component {name[:64]!r} of the log: choose one of {', '.join(self.names)}"
            )


def read_levels(texts: Iterable[str]) -> dict[str, str]:
    """Levels by component from texts such as `debug` and `imap=debug`. Whether they exist is checked by `LogLevels`."""
    found = {}
    for text in texts:
        name, equals, level = text.partition("=")
        found[name if equals else ALL] = level if equals else name
    return found


def _level(text: str) -> str:
    level = text.lower()
    if level not in LEVELS:
        raise InvalidArgument(f"there is no level {text[:64]!r} of the log: choose one of {', '.join(LEVELS)}")
    return level


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
