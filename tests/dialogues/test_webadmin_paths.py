"""Paths of WebAdmin whose names hold a slash."""

from pathlib import Path

import aiohttp
from yarl import URL

from compostela.testing.server import running

WEBADMIN = "enabled=true\nhost=127.0.0.1\nport=0\npassword=secret\n"


async def test_an_encoded_slash_is_a_part_of_a_name(tmp_path: Path) -> None:
    async with running(tmp_path, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        base = f"http://127.0.0.1:{server.under_test.web_port}"
        async with aiohttp.ClientSession(headers={"Password": "secret"}) as client:

            async def status(method: str, path: str) -> int:
                async with client.request(method, URL(base + path, encoded=True)) as answer:
                    await answer.read()
                    return answer.status

            path = "/address/aliases/bob@example.org/sources/a%2Fb@example.org"
            assert await status("PUT", path) == 204
            async with client.get(f"{base}/address/aliases/bob@example.org") as answer:
                assert await answer.json() == [{"source": "a/b@example.org"}]
            assert await status("DELETE", path.replace("%2F", "%2f")) == 204
            assert await status("PUT", path.replace("%2F", "/")) == 404
            async with client.get(URL(f"{base}/no/a%2Fb", encoded=True)) as answer:
                assert (await answer.json())["message"] == "GET /no/a/b can not be found"


async def test_a_name_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        base = f"http://127.0.0.1:{server.under_test.web_port}"
        async with aiohttp.ClientSession(headers={"Password": "secret"}) as client:
            for name in ("%ff@example.org", "a%2Fb%c3@example.org"):
                async with client.put(URL(f"{base}/users/{name}", encoded=True), json={"password": "x"}) as answer:
                    assert (answer.status, (await answer.json())["type"]) == (400, "InvalidArgument")
            async with client.get(f"{base}/users") as answer:
                assert all("\ufffd" not in one["username"] for one in await answer.json())
