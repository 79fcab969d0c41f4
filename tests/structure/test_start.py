"""What is imported before the first port is open: every library more is time until mail is taken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

PROGRAM = """
import json, os, sys
from compostela.app.cli import main
from compostela.app.server.life_cycle import Server

async def tell_and_end(self, levels):
    print(json.dumps(sorted({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}.items())))
    sys.stdout.flush()
    os._exit(0)

Server.start_web = tell_and_end  # the mail ports are open when it is called
main()
"""
ALLOWED = frozenset(
    {
        "apsw",
        "cachetools",
        "click",
        "compostela",
        "lxml",
        "msgspec",
        "orjson",
        "typing_extensions",
        "uvloop",
        "zstandard",
    }
)
"""What the event loop, the store, its caches, the configuration and the command line are made of."""
HEAVY = frozenset({
    "aiohttp", "cryptography", "dns", "hypothesis", "http", "icalendar", "prometheus_client", "pytest", "rich", "smtplib",
    "sqlite3", "starlette", "unittest", "urllib.request", "uvicorn", "xml.dom",
})  # fmt: skip


def _imported(server: ServerProcess) -> dict[str, str | None]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve", "--conf", str(server.conf), "--data", str(server.data)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_nothing_heavy_is_imported_before_the_ports_are_open(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    assert "cryptography" in _imported(server), "the first start makes a certificate"
    modules = _imported(server)
    assert HEAVY.intersection(modules) == set()
    installed = {
        name.partition(".")[0] for name, file in modules.items() if file is not None and "site-packages" in file
    }
    assert {name for name in installed if not name.startswith("_")} <= ALLOWED
