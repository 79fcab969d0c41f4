"""/blobs: octets that are stored for messages and other parts."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.blob.tasks import DELETION_WINDOW, EXPECTED_BLOBS, PROBABILITY, CollectBlobs, CollectBlobsTask
from compostela.core.tasks.service import Tasks
from compostela.web.webadmin.errors import invalid
from compostela.web.webadmin.parameters import chosen_of, positive_of
from compostela.web.webadmin.tasks import submitted


class BlobRoutes:
    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def routes(self) -> list[Route]:
        return [Route("/blobs", self.collect, methods=["DELETE"])]

    async def collect(self, request: Request) -> Response:
        """A task that removes blobs which nothing refers to (`scope=unreferenced`); `deletionWindowSize` of them at once.
        `expectedBlobCount` and `associatedProbability` are accepted and reported."""
        chosen_of(request, "scope", ["unreferenced"])
        arguments = CollectBlobs(
            expected_blobs=positive_of(request, "expectedBlobCount", EXPECTED_BLOBS),
            probability=_probability(request),
            deletion_window=positive_of(request, "deletionWindowSize", DELETION_WINDOW),
        )
        return await submitted(self._tasks, CollectBlobsTask.name, arguments)


def _probability(request: Request) -> float:
    text = request.query_params.get("associatedProbability")
    if text is None:
        return PROBABILITY
    try:
        probability = float(text)
    except ValueError:
        raise invalid("Can not parse associatedProbability") from None
    if not 0 < probability < 1:
        raise invalid("associatedProbability must be greater than 0 and less than 1")
    return probability
