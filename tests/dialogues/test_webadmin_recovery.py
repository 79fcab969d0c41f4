"""The task that restores messages from their copies: what it refuses."""

import pytest

from tests.dialogues.webadmin import Api, api

__all__ = ["api"]


async def test_the_embedded_edition_writes_no_copies(api: Api) -> None:
    status, answer = await api.ask("POST", "/recovery")
    assert status == 400
    assert "writes no recovery copies" in str(answer)


@pytest.mark.parametrize(
    "query",
    [
        "headerBlobPrefix=0A",
        "headerBlobPrefix=..%2F",
        f"headerBlobPrefix={'0' * 32}",
        "concurrency=0",
        "concurrency=101",
    ],
)
async def test_wrong_parameters_are_told(api: Api, query: str) -> None:
    status, answer = await api.ask("POST", f"/recovery?{query}")
    assert status == 400
    assert query.partition("=")[0] in str(answer)
