"""Blobs that nothing refers to are collected by WebAdmin, by the command line and by the clock."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from compostela.app.cli import main
from compostela.base.clock import as_datetime
from compostela.core.blob.model import MemoryBody
from compostela.core.blob.references import Referrer
from compostela.core.blob.tasks import CollectBlobsTask
from compostela.core.tasks.schedule import Scheduler
from compostela.testing.clock import START, FakeClock
from compostela.testing.server import running
from tests.dialogues.sieve_administration import call
from tests.dialogues.webadmin_flood import administered

NAME = Referrer("vault", "1")


@pytest.mark.parametrize(
    "query",
    [
        "", "?scope=all", "?scope=unreferenced&deletionWindowSize=0", "?scope=unreferenced&deletionWindowSize=x",
        "?scope=unreferenced&expectedBlobCount=-1", "?scope=unreferenced&associatedProbability=1",
        "?scope=unreferenced&associatedProbability=nan",
    ],
)  # fmt: skip
async def test_wrong_parameters_are_refused(tmp_path: Path, query: str) -> None:
    async with administered(tmp_path) as (_, address):
        assert (await call(address, "DELETE", f"/blobs{query}"))[0] == 400


async def test_a_blob_goes_by_the_route_once_it_is_old(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, address):
        blob = await server.store.blobs_by_id.save(MemoryBody(b"octets"), NAME)
        await server.store.blobs_by_id.delete(blob, NAME)
        query = "?scope=unreferenced&deletionWindowSize=5&expectedBlobCount=10&associatedProbability=0.5"
        counts = []
        for _ in range(2):
            status, text = await call(address, "DELETE", f"/blobs{query}")
            assert status == 201
            report = json.loads((await call(address, "GET", f"/tasks/{json.loads(text)['taskId']}/await"))[1])
            assert (report["status"], report["type"]) == ("completed", "BlobGCTask")
            about = report["additionalInformation"]
            assert (about["deletionWindowSize"], about["bloomFilterExpectedBlobCount"]) == (5, 10)
            assert about["bloomFilterAssociatedProbability"] == 0.5
            counts.append(about["gcedBlobCount"])
            # as if the hour had passed
            await server.embedded._writer.execute("UPDATE blob_suspect SET since = since - 3600")
        assert counts == [0, 1]


async def test_the_command_line_collects(tmp_path: Path) -> None:
    async with administered(tmp_path) as (_, address):
        options = ["blob", "collect", "--url", address, "--token", "secret"]
        done = await asyncio.to_thread(CliRunner().invoke, main, options)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith("0 of ")


@pytest.mark.parametrize(("line", "expected"), [("", 2), ("schedule = 0 3 * * * BlobGCTask", 0)])
async def test_a_collection_is_due_every_hour_unless_the_operator_says_otherwise(
    tmp_path: Path, line: str, expected: int
) -> None:
    async with running(tmp_path, files={"tasks.properties": line + "\n"}) as server:
        makers = [getattr(work, "__self__", None) for work in server.under_test._task_work]
        (scheduler,) = [one for one in makers if isinstance(one, Scheduler)]
        clock = FakeClock(START - START % 86400 + 10 * 3600)
        scheduler._clock = clock
        before: datetime = as_datetime(clock.now())
        for _ in range(2):
            clock.advance(3600)
            before = await scheduler.submit_due(before)
            (waiting,) = await server.under_test.tasks.open(CollectBlobsTask.name) or [None]
            if waiting is not None:
                await server.under_test.tasks.cancel(waiting.id)
        assert before - timedelta(hours=2) == as_datetime(START - START % 86400 + 10 * 3600)
        ended = await server.embedded.tasks._reader.scan(
            lambda execute: execute("SELECT count(*) FROM task WHERE type = 'BlobGCTask'").fetchone()[0]
        )
        assert ended == expected
