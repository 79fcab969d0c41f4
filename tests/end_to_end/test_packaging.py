"""The files of `packaging`, read by the programs that they are for."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import needs

PACKAGING = Path(__file__).parents[2] / "packaging"


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@needs("docker-compose")
@pytest.mark.parametrize("name", ["compose.yaml", "compose.distributed.yaml"])
def test_docker_compose_accepts_the_compose_file(name: str) -> None:
    run("docker-compose", "-f", PACKAGING / "docker" / name, "config", "-q")


@needs("kubernetes-validate")
@pytest.mark.parametrize("name", ["compostela.yaml", "engines.yaml"])
def test_kubernetes_accepts_the_manifests(name: str) -> None:
    run("kubernetes-validate", "--strict", "--quiet", "--no-warn", PACKAGING / "kubernetes" / name)


@needs("systemd-analyze")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """With a program that exists here: /opt/compostela does not."""
    unit = tmp_path / "compostela.service"
    text = (PACKAGING / "systemd" / "compostela.service").read_text()
    assert "ExecStart=/opt/compostela/bin/compostela serve " in text
    unit.write_text(text.replace("/opt/compostela/bin/compostela", sys.executable))
    run("systemd-analyze", "verify", unit)
