"""A bucket for the tests of a worker, emptied after each."""

import os
from collections.abc import Iterator

import pytest

from compostela.adapters.s3.settings import BlobSettings
from compostela.testing.clock import FakeClock
from tests.distributed.s3.seaweed import blob_settings_of, make_bucket, remove_bucket


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def blob_settings(worker_id: str) -> Iterator[BlobSettings]:
    bucket = f"compostela-{os.getpid()}-{worker_id}"
    make_bucket(bucket)
    yield blob_settings_of(bucket)
    remove_bucket(bucket)
