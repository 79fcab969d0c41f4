"""The task that removes blobs which nothing refers to."""

from dataclasses import dataclass

import msgspec

from compostela.core.blob.ports import BlobGarbage
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner

DELETION_WINDOW = 1000
EXPECTED_BLOBS = 1_000_000
PROBABILITY = 0.01


@dataclass(frozen=True, slots=True)
class CollectBlobs:
    """James's arguments. The references are looked up, not kept in a Bloom filter: the filter's numbers are only reported."""

    expected_blobs: int = EXPECTED_BLOBS
    probability: float = PROBABILITY
    deletion_window: int = DELETION_WINDOW
    """Blobs that are removed together, at most."""


class _Progress(msgspec.Struct):
    position: str | None = None
    looked: int = 0
    referred: int = 0
    removed: int = 0
    failed: int = 0


class CollectBlobsTask(TaskRunner[CollectBlobs]):
    """Each part may be repeated: a part that was done and not saved counts anew what is left of it."""

    name = "BlobGCTask"
    arguments = CollectBlobs

    def __init__(self, garbage: BlobGarbage) -> None:
        self._garbage = garbage

    async def describe(self, arguments: CollectBlobs) -> Json:
        return _information(arguments, _Progress())

    async def run(self, arguments: CollectBlobs, context: TaskContext) -> None:
        progress = msgspec.convert(context.progress or {}, _Progress)
        while True:
            part = await self._garbage.collect(progress.position, arguments.deletion_window)
            progress.looked += part.looked
            progress.referred += part.referred
            progress.removed += part.removed
            progress.failed += part.failed
            if part.position is not None:
                progress.position = part.position
            await context.report(_information(arguments, progress), msgspec.to_builtins(progress))
            if part.position is None:
                return


def _information(arguments: CollectBlobs, progress: _Progress) -> Json:
    """By James's names. `referenceSourceCount` counts the blobs that something refers to."""
    return {
        "referenceSourceCount": progress.referred,
        "blobCount": progress.looked,
        "gcedBlobCount": progress.removed,
        "errorCount": progress.failed,
        "bloomFilterExpectedBlobCount": arguments.expected_blobs,
        "bloomFilterAssociatedProbability": arguments.probability,
        "deletionWindowSize": arguments.deletion_window,
    }
