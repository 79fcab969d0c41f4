"""The types of tasks that a process knows."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from compostela.base.errors import InvalidArgument
from compostela.core.tasks.model import Json, check_size
from compostela.core.tasks.runner import TaskRunner


class TaskTypes:
    """Runners by the type of task."""

    def __init__(self, runners: Iterable[TaskRunner[Any]]) -> None:  # Any: each has arguments of its own
        self._runners: dict[str, TaskRunner[Any]] = {}
        for runner in runners:
            self.add(runner)

    def add(self, runner: TaskRunner[Any]) -> None:
        """Raises `InvalidArgument` if there is one of the name."""
        if runner.name in self._runners:
            raise InvalidArgument(f"there are two tasks of type {runner.name!r}")
        self._runners[runner.name] = runner

    def runner(self, name: str) -> TaskRunner[Any]:
        """Raises `InvalidArgument`."""
        try:
            return self._runners[name]
        except KeyError:
            known = ", ".join(sorted(self._runners))
            raise InvalidArgument(f"there is no task of type {name!r}; there are {known}") from None

    def decode(self, name: str, arguments: Json) -> object:
        """Arguments as the runner takes them. Raises `InvalidArgument`."""
        form = self.runner(name).arguments
        try:
            return msgspec.convert(arguments, form)
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"arguments of a task of type {name!r}: {error}") from error

    def encode(self, name: str, arguments: object) -> Json:
        """Arguments as they are stored. Raises `InvalidArgument`."""
        if not isinstance(arguments, self.runner(name).arguments):
            raise InvalidArgument(f"{type(arguments).__name__} is not what a task of type {name!r} takes")
        encoded: Json = msgspec.to_builtins(arguments)
        check_size(encoded)
        return encoded

    def at_once(self, limits: Mapping[str, int]) -> dict[str, int]:
        """How many runs each type may have, with an operator's own limits."""
        return {name: limits.get(name, runner.at_once) for name, runner in self._runners.items()}
