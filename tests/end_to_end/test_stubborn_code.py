"""An operator's own code that will not end does not keep the server from stopping."""

import time
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

LIMIT_SECONDS = 60.0
USER = "reader@example.org"
LISTENERS = """<listeners><executionTimeout>10 minutes</executionTimeout><listener><class>tests.end_to_end.stubborn.Stubborn</class>
<configuration><called>{}</called></configuration></listener></listeners>"""


@pytest.mark.slow
def test_a_server_stops_though_a_listener_swallows_its_cancellation(tmp_path: Path) -> None:
    server, called = ServerProcess(tmp_path), tmp_path / "called"
    (server.conf / "listeners.xml").write_text(LISTENERS.format(called))
    server.start()
    try:
        server.wait_for_web()
        server.add_user(USER)
        server.command("send", "--to", USER, "--port", str(server.smtp))
        end = time.monotonic() + LIMIT_SECONDS
        while not called.exists():
            assert time.monotonic() < end, "the listener was not called"
            time.sleep(0.05)
        assert server.stop() == 0
    finally:
        server.kill()
    assert "a task does not end" in server.log()
