"""A server that cannot start releases its ports and its data folder."""

import socket
from pathlib import Path

import pytest

from compostela.base.listening import BindError
from compostela.testing.ports import free_port
from compostela.testing.server import running

_TWO = """<smtpservers>
<smtpserver><jmxName>first</jmxName><bind>127.0.0.1:{free}</bind></smtpserver>
<smtpserver><jmxName>second</jmxName><bind>127.0.0.1:{taken}</bind></smtpserver>
</smtpservers>"""


async def test_a_port_that_is_taken_frees_the_others_and_the_store(tmp_path: Path) -> None:
    free = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        files = {"smtpserver.xml": _TWO.format(free=free, taken=taken.getsockname()[1])}
        with pytest.raises(BindError, match="the port is in use"):
            async with running(tmp_path, files=files):
                pass
    assert list((tmp_path / "data" / "owners").iterdir()) == []
    socket.create_server(("127.0.0.1", free)).close()
