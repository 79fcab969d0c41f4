"""What happens to a user's data when the user is renamed or deleted: steps, registered by the parts that keep such data.

A step may be repeated, and repeats without harm: the process may die in its middle. Steps run in the order of their priority, the lowest
first. Names are James's where he has such a step.
"""

import abc
import enum
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, TypeVar

from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.core.tasks.model import Json
from compostela.model.username import Username


class UserStep(abc.ABC):
    """What every step has."""

    name: ClassVar[str]
    priority: ClassVar[int]


S = TypeVar("S", bound=UserStep)


class UserDeletionStep(UserStep):
    @abc.abstractmethod
    async def delete(self, user: Username) -> None:
        """Deletes what this part keeps of a user, who may no longer exist."""


class UsernameChangeStep(UserStep):
    @abc.abstractmethod
    async def change(self, old: Username, new: Username) -> None:
        """Give this part's data of `old`, a user that may no longer exist, to `new`."""


class StepState(enum.Enum):
    """James's names."""

    SKIPPED = "SKIPPED"
    WAITING = "WAITING"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


class StepFailed(CompostelaError):
    """A step failed; the later ones were not tried."""


def in_order(steps: Sequence[S]) -> list[S]:
    return sorted(steps, key=lambda step: step.priority)


def check_from_step(steps: Sequence[UserStep], from_step: str | None) -> None:
    """Raises `InvalidArgument`."""
    names = [step.name for step in steps]
    if from_step is not None and from_step not in names:
        raise InvalidArgument(f"there is no step {from_step!r}; there are {', '.join(names)}")


class StepStates:
    """How far the steps of one user are."""

    def __init__(self, steps: Sequence[UserStep], from_step: str | None, done: Sequence[str] = ()) -> None:
        """`done` are those of an earlier run."""
        first = next((n for n, step in enumerate(steps) if step.name == from_step), 0)
        self._states = {
            step.name: StepState.SKIPPED if number < first else StepState.WAITING for number, step in enumerate(steps)
        }
        for name in done:
            self._states[name] = StepState.DONE

    @property
    def done(self) -> list[str]:
        return [name for name, state in self._states.items() if state is StepState.DONE]

    def document(self) -> Json:
        return {name: state.value for name, state in self._states.items()}

    async def run(
        self, steps: Sequence[S], act: Callable[[S], Awaitable[None]], report: Callable[[], Awaitable[None]]
    ) -> None:
        """Runs the steps that wait; `report` is called, and makes it durable, around each. Raises `StepFailed`, from what the step
        raised."""
        for step in steps:
            if self._states[step.name] is not StepState.WAITING:
                continue
            self._states[step.name] = StepState.IN_PROGRESS
            await report()
            try:
                await act(step)
            except Exception as error:
                self._states[step.name] = StepState.FAILED
                self._abort()
                await report()
                raise StepFailed(f"{step.name}: {error}") from error
            self._states[step.name] = StepState.DONE
            await report()

    def _abort(self) -> None:
        for name, state in self._states.items():
            if state is StepState.WAITING:
                self._states[name] = StepState.ABORTED
