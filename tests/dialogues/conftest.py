"""What dialogues share: which event loop they run on (those about TLS take that of the real server, whose TLS is not asyncio's), an
identity provider, and, with COMPOSTELA_TEST_EDITION=distributed, the edition: see `tests/distributed/edition.py`."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.identity_provider import IdentityProvider, running_provider

IS_DISTRIBUTED = os.environ.get("COMPOSTELA_TEST_EDITION") == "distributed"
if IS_DISTRIBUTED:
    from tests.distributed.edition import *  # noqa: F403 (fixtures)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name.startswith("test_tls"):
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with running_provider() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if IS_DISTRIBUTED:
        # see tests/distributed/conftest.py
        wakes = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")
        for item in items:
            item.add_marker(wakes)
