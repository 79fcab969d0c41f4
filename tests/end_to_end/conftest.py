"""One server for all tests of a worker, started as an operator would."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.server_process import ServerProcess

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("server"))
    process.start()
    process.wait_for_web()
    yield process
    assert process.stop() == 0


@pytest.fixture
def make_user(server: ServerProcess) -> Callable[[], str]:
    """A new user with the password `secret`; each test has its own."""

    def make() -> str:
        name = f"user{next(_numbers)}@example.org"
        server.add_user(name)
        return name

    return make


@pytest.fixture
def user(make_user: Callable[[], str]) -> str:
    return make_user()
