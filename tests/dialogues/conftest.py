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

_EMBEDDED_ONLY = {
    "test_blob_collection.py": "blobs by id are not built",
    "test_imap_looks.py": "signals between processes with one data folder",
    "test_message_files_health.py": "files of bodies",
    "test_webadmin_flood.py": "the database and the files of bodies",
    "test_guesses_at_once_tell_no_more_than_one_by_one": "guesses at once may all be told that they are shut out",
    "test_another_server_takes_the_mail_for_its_signature": "two servers that are no cluster",
    "test_a_body_that_cannot_be_read_is_refused_for_now": "files of bodies",
    "test_a_body_that_is_cut_while_it_is_sent_is_not_given_as_whole": "files of bodies",
    "test_a_full_disk_is_told_for_each_recipient": "the disk's reserve",
    "test_the_container_takes_nothing_on_a_full_disk": "the disk's reserve",
    "test_the_container_is_through_with_a_mail_when_it_is_answered": "the table of effects",
    "test_without_split_execution_all_share_one_answer_and_a_second_try_doubles_nothing": "the table of effects",
}
"""Modules and tests, with what of the embedded edition they are about."""


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not IS_DISTRIBUTED:
        return
    # see tests/distributed/conftest.py
    wakes = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")
    left_out = [
        item
        for item in items
        if item.path.name in _EMBEDDED_ONLY or getattr(item, "originalname", item.name) in _EMBEDDED_ONLY
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    for item in items:
        item.add_marker(wakes)
