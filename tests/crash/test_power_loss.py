"""60 losses of power: what was acknowledged is there. And the experiment sees it when a sync is left out."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from compostela.adapters.embedded import file_bodies, store, writer
from tests.crash.power_loss import run

SEED = 20261123


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost_with_the_power(tmp_path: Path) -> None:
    report = run(60, SEED, tmp_path)
    print(f"seed {SEED}: {report}")
    assert report.acknowledged > 80
    assert not report.faults, (SEED, report.faults[:10])


def _lazy_commits(connect: Callable[..., apsw.Connection]) -> Callable[..., apsw.Connection]:
    def connect_lazily(path: Path, **options: Any) -> apsw.Connection:
        connection = connect(path, **options)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    return connect_lazily


@pytest.mark.slow
@pytest.mark.parametrize("left_out", ["commits", "bodies", "folders of bodies", "the data folder"])
def test_a_sync_that_is_left_out_is_found(left_out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if left_out == "commits":
        monkeypatch.setattr(writer, "connect", _lazy_commits(writer.connect))
    elif left_out == "bodies":
        monkeypatch.setattr(file_bodies.FileSpill, "_sync", lambda self: file_bodies.sync_folder(self._path.parent))
    elif left_out == "folders of bodies":
        monkeypatch.setattr(file_bodies.FileSpill, "_sync", lambda self: os.fsync(self._descriptor))
    else:
        monkeypatch.setattr(store, "make_folder", lambda folder: folder.mkdir())
    assert run(20, SEED, tmp_path).faults
