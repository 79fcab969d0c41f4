"""An operator is told of files that garbage collection keeps because the database may be the wrong one."""

import os
import time
from pathlib import Path

from compostela.core.health.checks import HealthStatus
from compostela.testing.server import running

DAY = 86_400


async def test_files_that_the_database_does_not_know_degrade_the_health(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        health = server.under_test.health
        stray = tmp_path / "data" / "blobs" / "zz" / "stray"
        stray.parent.mkdir(exist_ok=True)
        stray.write_bytes(b"a body of another server")
        os.utime(stray, (time.time() - 2 * DAY,) * 2)
        await server.embedded.collect_garbage()
        (result,) = await health.run(["Message files"])
        assert result.status is HealthStatus.DEGRADED
        assert result.cause is not None
        assert result.cause.startswith(f"1 of 1 files in {tmp_path / 'data' / 'blobs'} are unknown to the database")
        assert "zz/stray" in result.cause
        # the operator moves it away
        stray.unlink()
        await server.embedded.collect_garbage()
        (result,) = await health.run(["Message files"])
        assert result.status is HealthStatus.HEALTHY
