"""`batchsizes.properties`: read for its form only."""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Integer
from compostela.base.declared import Declared, Reader


@dataclass(frozen=True, slots=True)
class BatchSizes(Declared):
    """How many messages James reads at once."""

    NOT_YET = ("fetch.metadata", "fetch.headers", "fetch.body", "fetch.full", "copy", "move")

    metadata: Annotated[int, Integer("fetch.metadata", minimum=1)] = 200
    headers: Annotated[int, Integer("fetch.headers", minimum=1)] = 200
    bodies: Annotated[int, Integer("fetch.body", minimum=1)] = 200
    full: Annotated[int, Integer("fetch.full", minimum=1)] = 200
    copied: Annotated[int, Integer("copy", minimum=1)] = 200
    moved: Annotated[int, Integer("move", minimum=1)] = 200


read_batch_sizes = Reader(BatchSizes)
