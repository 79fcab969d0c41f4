"""Routes of one's own, in a whole server."""

from pathlib import Path

import aiohttp
import pytest

from compostela.base.errors import InvalidArgument
from compostela.testing.server import running
from compostela.web.webadmin.route_group import own_route_group

WEBADMIN = (
    "enabled = true\nhost = 127.0.0.1\nport = 0\npassword = secret\nextensions.routes = examples.routes.QueueSizes\n"
)


async def test_the_size_of_a_queue(tmp_path: Path) -> None:
    async with running(tmp_path, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        url = f"http://127.0.0.1:{server.under_test.web_port}/office/queues"
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{url}/spool") as answer:
                assert answer.status == 401
            secret = {"Password": "secret"}
            async with client.get(f"{url}/spool", headers=secret) as answer:
                assert await answer.json() == {"mails": 0}
            async with client.get(f"{url}/none", headers=secret) as answer:
                assert answer.status == 404


@pytest.mark.parametrize("name", ["examples.routes.NoSuch", "examples.routes.Request", "os.path.join"])
def test_a_name_that_is_no_group_of_routes(name: str) -> None:
    with pytest.raises(InvalidArgument):
        own_route_group(name)(None)  # type: ignore[arg-type]
