"""`compostela doctor` on the command line, with no server running."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compostela.app.cli import main
from compostela.doctor.model import CHECKS
from compostela.testing.name_server import name_server
from compostela.testing.server import DNS
from tests.unit.app.folders import write_folder

DOMAIN_LIST = "<domainlist><defaultDomain>example.org</defaultDomain></domainlist>"


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    write_folder(
        tmp_path / "conf", tmp_path / "data", domainlist_xml=DOMAIN_LIST, smtpserver_xml="<smtpservers/>",
        imapserver_xml="<imapservers/>", doctor_properties="blocklists =\n",
    )  # fmt: skip
    async with name_server({}) as names:
        (tmp_path / "conf/dnsservice.xml").write_text(DNS.format(names.address))
        yield tmp_path


async def run(folder: Path, *arguments: str) -> Result:
    paths = ["--conf", str(folder / "conf"), "--data", str(folder / "data")]
    return await asyncio.to_thread(CliRunner().invoke, main, ["doctor", *paths, *arguments])


async def test_json_and_the_exit_status_of_the_worst(folder: Path) -> None:
    done = await run(folder, "--json")
    assert done.exit_code == 2
    document = json.loads(done.stdout)
    assert document["worst"] == "error"
    assert {"check", "severity", "subject", "what", "why", "fix"} == set(document["findings"][0])
    assert {one["check"] for one in document["findings"]} >= {
        "ports",
        "mx",
        "dkim",
        "dmarc",
        "mta-sts",
        "tls-rpt",
        "spf",
    }


async def test_the_exit_status_follows_the_checks_that_are_asked_for(folder: Path) -> None:
    assert (await run(folder, "--check", "tls-rpt")).exit_code == 0
    assert (await run(folder, "--check", "dmarc")).exit_code == 1
    assert (await run(folder, "--check", "mx")).exit_code == 2


async def test_a_check_that_there_is_not_is_no_clean_bill_of_health(folder: Path) -> None:
    done = await run(folder, "--check", "mxx")
    assert (done.exit_code, "'mxx' is not one of" in done.output) == (64, True)


async def test_checks_with_nothing_to_examine_are_no_clean_bill_of_health(folder: Path) -> None:
    done = await run(folder, "--check", "tls", "--check", "block-lists")
    assert done.exit_code == 1
    assert "WARNING  tls           There was nothing to examine" in done.output
    assert "that tls, block-lists is about" in done.output


def test_the_page_has_every_check() -> None:
    page = (Path(__file__).parents[3] / "docs/operators/doctor.md").read_text().partition("\n## ")[0]
    assert tuple(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == CHECKS


async def test_the_process_goes_on_to_log_afterwards(folder: Path) -> None:
    logger = logging.getLogger("compostela")
    before = logger.level
    await run(folder, "--check", "mx")
    assert logger.level == before


async def test_people_get_what_why_and_the_record_to_add(folder: Path) -> None:
    done = await run(folder, "--check", "mx")
    assert done.stdout.startswith("ERROR    mx            example.org has no MX record.\n")
    assert "Why: Other servers do not know where to bring its mail." in done.stdout
    assert "Fix: example.org. MX 10 example.org." in done.stdout
    assert done.stdout.endswith("1 errors, 0 warnings, 0 remarks, 0 fine\n")


async def test_a_wrong_configuration_is_no_finding(folder: Path) -> None:
    (folder / "conf/doctor.properties").write_text("blocklist = x\n")
    assert (await run(folder)).exit_code == 78
