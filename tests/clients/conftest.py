"""`make clients`: mail programs as people use them, each with its own choice of mechanism, against the sample configuration.

They need packages that `make test-all` does without, so these tests are a command of their own. With COMPOSTELA_TEST_EDITION=distributed the
sample is that of the distributed edition, on the engines that `dev/engines` started."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.clients.sample import PASSWORD, SampleServer

IS_DISTRIBUTED = os.environ.get("COMPOSTELA_TEST_EDITION") == "distributed"
if IS_DISTRIBUTED:
    from tests.distributed.lasting import *  # noqa: F403 (fixtures)

PACKAGES = {
    "Xvfb": "xvfb",
    "curl": "curl",
    "fetchmail": "fetchmail",
    "mbsync": "isync",
    "mutt": "mutt",
    "neomutt": "neomutt",
    "npm": "nodejs npm",
    "postfix": "postfix libsasl2-modules",
    "script": "bsdutils",
    "thunderbird": "thunderbird",
}
"""Programs of these tests, and the packages of Debian that have them."""
_numbers = itertools.count()


def pytest_configure(config: pytest.Config) -> None:
    # see tests/distributed/conftest.py
    if IS_DISTRIBUTED:
        config.addinivalue_line("filterwarnings", "ignore:unclosed <socket.socket:ResourceWarning")


def pytest_report_header() -> str:
    missing = [packages for program, packages in PACKAGES.items() if _find(program) is None]
    return (
        f"missing, so that some clients are left out: apt install {' '.join(missing)}"
        if missing
        else "all programs are there"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("runs"):
        for program in marker.args:
            if _find(program) is None:
                pytest.skip(f"{program} is missing: apt install {PACKAGES[program]}")


def _find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin")


@pytest.fixture(scope="session")
def engine_files_of_sample(request: pytest.FixtureRequest) -> dict[str, str]:
    return request.getfixturevalue("lasting_engine_files") if IS_DISTRIBUTED else {}


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, engine_files_of_sample: dict[str, str]) -> Iterator[SampleServer]:
    server = SampleServer(tmp_path_factory.mktemp("sample"), engine_files=engine_files_of_sample)
    server.start()
    server.wait_for_web()
    server.command("log", "level", "logins", "debug")
    yield server
    assert server.stop() == 0


@pytest.fixture
def make_user(sample: SampleServer) -> Callable[[], str]:
    def make() -> str:
        name = f"user{next(_numbers)}@localhost"
        sample.add_user(name, PASSWORD)
        return name

    return make


@pytest.fixture
def user(make_user: Callable[[], str]) -> str:
    """One whose password is `PASSWORD`."""
    return make_user()
