"""The store of most tests, and which part of the suite runs: `--part quick` is what `make test` runs, `--part rest` the other tests, and without
the option all run.

The quick part follows from folders and from the marker `slow`, so a new test is in the right part by itself:

- every test in `QUICK_FOLDERS`: units, structure, the contracts on the embedded stores, and the examples;
- the first test of every module in `tests/dialogues`, a sample of each subject at the wire.

A test with the marker `slow` is never in it: one that computes for more than 0.3 s gets the marker. The data folders of either part are in
memory if there is room: half of the quick part's time would be waiting for the disk otherwise. Tests in `DISK_PATHS` that are not quick stay on
the disk: they kill processes at their writes, which take their time there."""

import gc
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from functools import cache
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.testing.data_folder import open_store
from tests.order import longest_first

TESTS = Path(__file__).parent
QUICK_FOLDERS = (
    *(TESTS / name for name in ("unit", "structure", "adapters/embedded", "adapters/in_process")),
    TESTS.parent / "examples",
)
SAMPLED_FOLDER = TESTS / "dialogues"
MEMORY = Path("/dev/shm")
MEMORY_BYTES = {"quick": 1024**3, "rest": 4 * 1024**3}
"""Free memory that the folders of a part may need at most, with room to spare."""
DISK_PATHS = (
    TESTS / "crash",
    *(
        TESTS / "adapters" / "embedded" / f"test_{name}.py"
        for name in (
            "blob_deaths",
            "listener_full_disk",
            "listener_processes",
            "migration",
            "queue_deaths",
            "two_writers",
        )
    ),
)
ALL_SLOW = re.compile(r"^pytestmark = .*\bpytest\.mark\.slow\b", re.MULTILINE)
"""A module of slow tests alone."""
SAMPLED_PATHS = pytest.StashKey[set[Path]]()


class Kind(Enum):
    QUICK = "quick"
    SAMPLED = "sampled"
    REST = "rest"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", choices=("all", "quick", "rest"), default="all", help="the part of the suite that runs")


def pytest_configure(config: pytest.Config) -> None:
    # pytest looks at the variable when the first temporary folder is asked for
    needed = MEMORY_BYTES.get(config.getoption("--part"))
    if needed is not None and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= needed:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait for servers, daemons and clocks for a fifth of their time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave folders and modules alone that have no test of the part: each worker would make their tests to leave them out again."""
    part = config.getoption("--part")
    if part == "all":
        return None
    if collection_path.is_dir():
        return True if part == "quick" and not is_near_quick(collection_path) else None
    if collection_path.suffix != ".py" or folder_kind(collection_path) is not Kind.QUICK:
        return None
    text = collection_path.read_text()
    if part == "quick":
        return True if ALL_SLOW.search(text) else None
    # tests/structure/test_parts.py: no other module can bring slow tests along
    return None if "slow" in text or "contracts" in text else True


def is_near_quick(folder: Path) -> bool:
    return any(folder.is_relative_to(one) or one.is_relative_to(folder) for one in (*QUICK_FOLDERS, SAMPLED_FOLDER))


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """In the quick part, make no tests of a dialogue after its sample: each worker would make 1,500 to leave them out again."""
    if collector.config.getoption("--part") != "quick" or folder_kind(collector.path) is not Kind.SAMPLED:
        return None
    if not collector.istestfunction(obj, name):
        return None
    found = collector.config.stash.setdefault(SAMPLED_PATHS, set())
    if collector.path in found:
        return []
    # `slow` may be at one of its parameters: then those after it are still looked at
    if not any("slow" in str(mark) for mark in getattr(obj, "pytestmark", ())):
        found.add(collector.path)
    return None


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that was made until now: it would walk through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part = config.getoption("--part")
    if part == "all":
        return
    quick = quick_part(items)
    left_out = [item for item in items if (item in quick) != (part == "quick")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if (item in quick) == (part == "quick")]
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if part == "rest" and workers > 1:
        items[:] = longest_first(items, workers)


def quick_part(items: list[pytest.Item]) -> set[pytest.Item]:
    """The tests among `items` (in the order of collection) that `make test` runs."""
    found: set[pytest.Item] = set()
    sampled: set[Path] = set()
    for item in items:
        if item.get_closest_marker("slow") is not None:
            continue
        kind = folder_kind(item.path)
        if kind is Kind.QUICK:
            found.add(item)
        elif kind is Kind.SAMPLED and item.path not in sampled:
            sampled.add(item.path)
            found.add(item)
    return found


@cache
def folder_kind(path: Path) -> Kind:
    if any(path.is_relative_to(folder) for folder in QUICK_FOLDERS):
        return Kind.QUICK
    return Kind.SAMPLED if path.is_relative_to(SAMPLED_FOLDER) else Kind.REST


@pytest.fixture
def tmp_path(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    is_quick = request.config.getoption("--part") == "quick"
    in_memory = tmp_path.is_relative_to(MEMORY)
    if is_quick or not in_memory or not any(request.path.is_relative_to(path) for path in DISK_PATHS):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """The embedded store in the test's folder. Folders and modules whose tests need another one have a fixture of this name."""
    store = await open_store(tmp_path)
    yield store
    await store.close()
