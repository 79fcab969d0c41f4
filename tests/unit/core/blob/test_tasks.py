"""The collection of blobs goes on where it was cut off."""

import uuid
from collections.abc import Sequence

import pytest

from compostela.core.blob.references import CollectedPart
from compostela.core.blob.tasks import CollectBlobs, CollectBlobsTask
from compostela.core.tasks.model import Json, TaskState
from compostela.core.tasks.runner import TaskContext
from compostela.testing.clock import START

PARTS = [
    CollectedPart("a", looked=10, referred=8),
    CollectedPart("b", looked=5, referred=5),
    CollectedPart("c", removed=2),
    CollectedPart(None, removed=1, failed=1),
]


class Parts:
    """A collector whose parts are known. Notes where it was asked to go on."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    async def collect(self, position: str | None, limit: int) -> CollectedPart:
        assert limit == 7
        self.asked.append(position)
        places: Sequence[str | None] = [None, *(part.position for part in PARTS[:-1])]
        return PARTS[places.index(position)]


class Cut(Exception):
    """The process dies here."""


async def _saved(_: TaskState) -> None:
    return


@pytest.mark.parametrize("cut", [1, 2, 3, 1000])
async def test_it_goes_on_from_its_last_report(cut: int) -> None:
    garbage, reports = Parts(), 0
    runner, arguments = CollectBlobsTask(garbage), CollectBlobs(deletion_window=7)

    class Context(TaskContext):
        async def report(self, information: Json, progress: Json | None = None) -> None:
            nonlocal reports
            await super().report(information, progress)
            reports += 1
            if reports == cut:
                raise Cut

    state = TaskState(None, await runner.describe(arguments), START)
    first = Context(uuid.uuid4(), state, lambda: START, _saved)
    if cut < 1000:
        with pytest.raises(Cut):
            await runner.run(arguments, first)
        last = Context(first.task_id, first.state, lambda: START, _saved)
        await runner.run(arguments, last)
    else:
        await runner.run(arguments, first)
        last = first
    assert garbage.asked == [None, "a", "b", "c"]
    assert last.state.information == {
        "referenceSourceCount": 13, "blobCount": 15, "gcedBlobCount": 3, "errorCount": 1,
        "bloomFilterExpectedBlobCount": 1_000_000, "bloomFilterAssociatedProbability": 0.01, "deletionWindowSize": 7,
    }  # fmt: skip
