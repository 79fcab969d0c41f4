"""`workers = auto` heeds a quota of CPU time."""

import os
from pathlib import Path

import pytest

from compostela.app.supervisor.cores import usable_cores

MASK = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("own", "outer", "inner", "expected"),
    [
        ("0::/\n", "max 100000\n", None, MASK),
        ("0::/\n", "100000 100000\n", None, 1),
        ("0::/\n", "20000 100000\n", None, 1),
        ("0::/\n", "9900000 100000\n", None, MASK),
        ("0::/system.slice/mail.service\n", None, "90000 100000\n", 1),
        ("0::/system.slice/mail.service\n", "100000 100000\n", "max 100000\n", 1),
        ("12:cpu:/docker/1\n", None, None, MASK),
        ("0::/gone\n", None, None, MASK),
        ("0::/\n", "nonsense", None, MASK),
    ],
)
def test_the_least_quota_around_the_process_counts(
    tmp_path: Path, own: str, outer: str | None, inner: str | None, expected: int
) -> None:
    (tmp_path / "own").write_text(own)
    service = tmp_path / "groups/system.slice/mail.service"
    service.mkdir(parents=True)
    for folder, text in ((tmp_path / "groups", outer), (service, inner)):
        if text is not None:
            (folder / "cpu.max").write_text(text)
    assert usable_cores(tmp_path / "own", tmp_path / "groups") == expected
