"""The files of `packaging`, read by the programs that they are for."""

import subprocess
import sys
from pathlib import Path

from tests.programs import needs

PACKAGING = Path(__file__).parents[2] / "packaging"


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@needs("docker-compose")
def test_docker_compose_accepts_the_compose_file() -> None:
    run("docker-compose", "-f", PACKAGING / "docker" / "compose.yaml", "config", "-q")


@needs("systemd-analyze")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """With a program that exists here: /opt/compostela does not."""
    unit = tmp_path / "compostela.service"
    text = (PACKAGING / "systemd" / "compostela.service").read_text()
    assert "ExecStart=/opt/compostela/bin/compostela serve " in text
    unit.write_text(text.replace("/opt/compostela/bin/compostela", sys.executable))
    run("systemd-analyze", "verify", unit)
