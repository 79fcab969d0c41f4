"""A store of bodies in memory, shared by all nodes: what is tested is that large bodies go to it and come back from it."""

from compostela.core.blob.model import Body, MemoryBody
from compostela.model.numbers import BlobId


class Bodies:
    def __init__(self) -> None:
        self.kept: dict[BlobId, bytes] = {}

    async def keep(self, body: Body) -> BlobId:
        blob = BlobId(body.digest.hex())
        self.kept[blob] = await body.read()
        return blob

    def body(self, blob: BlobId, size: int) -> Body:
        assert len(self.kept[blob]) == size
        return MemoryBody(self.kept[blob])
