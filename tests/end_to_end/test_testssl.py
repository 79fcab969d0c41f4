"""testssl.sh against every TLS port of the sample configuration: nothing worse than "low"."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compostela.testing.ports import free_port
from tests.programs import needs
from tests.server_process import ServerProcess

CONF = Path(__file__).parents[2] / "conf"
CHECKS = ("--protocols", "--standard", "--server-defaults", "--vulnerable")
SELF_SIGNED = frozenset({"cert_chain_of_trust", "cert_revocation"})
"""Findings for any self-signed certificate: it has no chain of trust and no address for revocation."""
HARMLESS = frozenset({"OK", "INFO", "LOW", "DEBUG", "WARN"})
"""WARN: the scanner itself could not look (its OpenSSL has no RC4); what must have been looked at is in MUST."""
MUST = frozenset(
    {
        "SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT",
        "cipherlist_3DES_IDEA", "heartbleed", "CCS", "secure_renego", "secure_client_renego", "CRIME_TLS", "POODLE_SSL",
        "SWEET32", "FREAK", "DROWN", "LOGJAM",
    }
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    needs("testssl"),
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The sample configuration as it is, but for the numbers of the ports."""
    process = ServerProcess(tmp_path_factory.mktemp("sample"))
    shutil.rmtree(process.conf)
    shutil.copytree(CONF, process.conf)
    ports = {1025: process.smtp, 1465: process.smtps, 1143: process.imap, 1993: process.imaps, 1110: process.pop3}
    for file in process.conf.glob("*server.xml"):
        text = re.sub(
            r"(<bind>127\.0\.0\.1:)(\d+)(?=</bind>)",
            lambda found: found[1] + str(ports.get(int(found[2])) or free_port()),
            file.read_text(),
        )
        file.write_text(text)
    web = process.conf / "webadmin.properties"
    web.write_text(re.sub(r"(?m)^port\s*=.*$", f"port = {process.web}", web.read_text()))
    process.start()
    yield process
    assert process.stop() == 0


def tls_ports(conf: Path) -> list[tuple[str, int]]:
    """How and where TLS is spoken: the protocol of STARTTLS, or nothing for TLS from the first octet."""
    found = []
    for protocol in ("smtp", "imap", "pop3"):
        text = (conf / f"{protocol}server.xml").read_text()
        for block in re.findall(rf"<{protocol}server [\s\S]*?</{protocol}server>", text):
            port = re.search(r"<bind>127\.0\.0\.1:(\d+)</bind>", block)
            assert port is not None
            if 'startTLS="true"' in block:
                found.append((protocol, int(port[1])))
            elif 'socketTLS="true"' in block:
                found.append(("", int(port[1])))
    return found


def findings(folder: Path, protocol: str, port: int) -> list[dict[str, str]]:
    report = folder / f"{port}.json"
    command = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--fast", *CHECKS]
    command += ["--jsonfile", str(report), *(["--starttls", protocol] if protocol else []), f"127.0.0.1:{port}"]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=500, cwd=folder)
    found: list[dict[str, str]] = json.loads(report.read_text())
    return found


def test_no_tls_port_has_a_finding_above_low(sample: ServerProcess, tmp_path: Path) -> None:
    ports = tls_ports(sample.conf)
    assert len(ports) == 7
    # the scanner sleeps for most of its time
    with ThreadPoolExecutor(len(ports)) as pool:
        reports = list(pool.map(lambda one: findings(tmp_path, *one), ports))
    for (protocol, port), report in zip(ports, reports, strict=True):
        where = f"{protocol or 'tls'} {port}"
        by_id = {one["id"]: one for one in report}
        assert by_id.keys() >= MUST, f"{where}: not looked at {sorted(MUST - by_id.keys())}"
        bad = [one for one in report if one["severity"] not in HARMLESS and one["id"] not in SELF_SIGNED]
        assert bad == [], where
        assert {by_id[name]["severity"] for name in MUST} <= {"OK", "INFO"}, where
