"""The real CrowdSec's local API, where its programs are installed, tells our server which clients to refuse."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from compostela.testing.conversation import conversation
from compostela.testing.ports import free_port
from compostela.testing.server import running
from compostela.testing.waiting import eventually

HANDLERS = '<handler class="org.apache.james.crowdsec.CrowdsecEhloHook"/>'
KEY = "a-key-for-tests"
CONFIGURATION = """
common: {{daemonize: false, log_media: stdout, log_level: warning, working_dir: {folder}}}
config_paths: {{config_dir: {folder}, data_dir: {folder}, simulation_path: {folder}/simulation.yaml, hub_dir: {folder},
  index_path: {folder}/index.json, notification_dir: {folder}, plugin_dir: {folder}}}
cscli: {{output: raw}}
db_config: {{log_level: error, type: sqlite, use_wal: false, db_path: {folder}/crowdsec.db}}
api:
  client: {{credentials_path: {folder}/credentials.yaml}}
  server: {{log_level: warning, listen_uri: "127.0.0.1:{port}", profiles_path: {folder}/profiles.yaml, console_path: {folder}/console.yaml}}
prometheus: {{enabled: false}}
"""
PROFILE = """
name: every_address
filters: [Alert.GetScope() == "Ip"]
decisions: [{type: ban, duration: 4h}]
on_success: break
"""


class CrowdSec:
    """A local API without an agent, and without connections to the Internet."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._configuration = folder / "config.yaml"
        self._configuration.write_text(CONFIGURATION.format(folder=folder, port=self.port))
        (folder / "profiles.yaml").write_text(PROFILE)
        (folder / "simulation.yaml").write_text("simulation: off\n")
        (folder / "index.json").write_text("{}")
        (folder / "console.yaml").touch()
        self.cscli("machines", "add", "test", "--password", "x", "--file", str(folder / "credentials.yaml"))
        self.cscli("bouncers", "add", "compostela", "--key", KEY)

    def cscli(self, *words: str) -> None:
        done = subprocess.run(
            ["cscli", "-c", str(self._configuration), *words], capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode()

    def start(self) -> "subprocess.Popen[bytes]":
        command = ["crowdsec", "-c", str(self._configuration), "-no-cs"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def crowdsec(tmp_path: Path) -> Iterator[CrowdSec]:
    if shutil.which("crowdsec") is None or shutil.which("cscli") is None:
        pytest.skip("CrowdSec is not installed")
    folder = tmp_path / "crowdsec"
    folder.mkdir()
    one = CrowdSec(folder)
    process = one.start()
    try:
        yield one
    finally:
        process.terminate()
        process.wait(30)


async def test_a_decision_of_crowdsec_turns_a_client_away(tmp_path: Path, crowdsec: CrowdSec) -> None:
    properties = f"crowdsecUrl=http://127.0.0.1:{crowdsec.port}/v1\napiKey={KEY}\ntimeout=1 min\ncacheTime=0\n"
    await _listening(crowdsec.port)
    folder = tmp_path / "server"
    folder.mkdir()
    async with (
        running(folder, handlers=HANDLERS, files={"crowdsec.properties": properties}) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await c.client("HELO client.example")
        await c.server("220 ", "250 ")
        crowdsec.cscli("decisions", "add", "--range", "127.0.0.0/24")
        await c.client("HELO client.example")
        await c.server("554 5.7.1 Rejected: your address is banned")


async def _listening(port: int) -> None:
    async def connected() -> bool | None:
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return True
        except OSError:
            return None

    await eventually(connected)
