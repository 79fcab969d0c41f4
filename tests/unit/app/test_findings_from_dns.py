"""What the diagnosis says of DNS: one mistake at a time in a zone that was right."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.app.configuration.folder import load
from compostela.base.settings import Problems
from compostela.core.diagnosis.block_lists import check_block_list
from compostela.core.diagnosis.lookups import Lookups
from compostela.core.diagnosis.model import Check, Finding, Severity, examine
from compostela.core.diagnosis.mta_sts import check_mta_sts
from compostela.core.dns.settings import DnsSettings
from tests.dialogues.examined import REVERSE, Examined, adapted
from tests.name_server import Zone, name_server
from tests.unit.app.folders import write_folder

HOST, DOMAIN = "mail.example.org", "example.org"
KEY = f"key1._domainkey.{DOMAIN}"
Change = dict[str, dict[str, list[str]] | None]
"""Name -> its records from now on; None for none."""
ELSEWHERE: Change = {"mx.elsewhere.example": {"A": ["127.0.0.26"]}}


@contextlib.asynccontextmanager
async def dns_of(folder: Path, change: Change | None = None) -> AsyncIterator[Examined]:
    write_folder(folder / "conf", folder / "data")
    async with name_server({}) as names:
        configuration = load(folder / "conf", folder / "data", Problems())
        subject = replace(adapted(configuration, [DOMAIN], {}), endpoints=())
        examined = Examined(subject, names)
        for name, records in (change or {}).items():
            if records is None:
                names.zone.pop(name, None)
            else:
                names.zone[name] = {**names.zone.get(name, {}), **records}
        yield examined


@pytest.mark.parametrize(
    ("check", "change", "severity", "what", "fix"),
    [
        ("reverse-dns", {}, "ok", "has the name mail.example.org", ""),
        ("reverse-dns", {REVERSE: None}, "error", "has no name in reverse DNS", f"{REVERSE}. PTR {HOST}."),
        ("reverse-dns", {REVERSE: {"PTR": ["other.example."]}}, "error", "does not lead back", f"{REVERSE}. PTR {HOST}."),
        (
            "reverse-dns",
            {REVERSE: {"PTR": ["other.example."]}, "other.example": {"A": ["127.0.0.25"]}},
            "warning",
            "but the server calls itself mail.example.org",
            f"{REVERSE}. PTR {HOST}.",
        ),
        ("reverse-dns", {HOST: {"A": ["127.0.0.26"]}}, "error", "does not lead to 127.0.0.25", f"{HOST}. A 127.0.0.25"),
        ("reverse-dns", {HOST: None}, "error", "has no address", f"{HOST}. A 127.0.0.25"),
        ("mx", {}, "ok", "lead here", ""),
        ("mx", {DOMAIN: {"MX": ["0 ."]}}, "error", "null MX", f"{DOMAIN}. MX 10 {HOST}."),
        ("mx", {DOMAIN: None}, "error", "has no MX record", f"{DOMAIN}. MX 10 {HOST}."),
        (
            "mx",
            {DOMAIN: {"MX": ["5 mx.elsewhere.example."]}, **ELSEWHERE},
            "error",
            "lead elsewhere: mx.elsewhere.example",
            f"{DOMAIN}. MX 10 {HOST}.",
        ),
        (
            "mx",
            {DOMAIN: {"MX": [f"5 {HOST}.", "10 mx.elsewhere.example."]}, **ELSEWHERE},
            "info",
            "also goes to mx.elsewhere.example",
            "",
        ),
        ("mx", {DOMAIN: {"MX": [f"5 {HOST}.", "9 gone.example."]}}, "error", "gone.example has no address", "gone.example. A"),
        ("spf", {}, "ok", "lets 127.0.0.25 send", ""),
        ("spf", {DOMAIN: {"TXT": ['"other"']}}, "warning", "none", f'{DOMAIN}. TXT "v=spf1 mx -all"'),
        (
            "spf",
            {DOMAIN: {"TXT": ['"v=spf1 ip4:192.0.2.1 -all"']}},
            "error",
            "for 127.0.0.25: fail",
            f'{DOMAIN}. TXT "v=spf1 ip4:192.0.2.1 ip4:127.0.0.25 -all"',
        ),
        ("spf", {DOMAIN: {"TXT": ['"v=spf1 ~all"']}}, "warning", "softfail", 'TXT "v=spf1 ip4:127.0.0.25 ~all"'),
        ("spf", {DOMAIN: {"TXT": ['"v=spf1 wrong"']}}, "error", "permerror", f'{DOMAIN}. TXT "v=spf1 mx -all"'),
        (
            "spf",
            {DOMAIN: {"TXT": ['"v=spf1 mx -all"', '"v=spf1 a -all"']}},
            "error",
            "more than one SPF record",
            "one record instead of 2",
        ),
        ("dkim", {}, "ok", "is the one that signs", ""),
        ("dkim", {KEY: None}, "error", "There is no DKIM key", f'{KEY}. TXT "v=DKIM1; k=rsa; p=MIIB'),
        ("dkim", {KEY: {"TXT": ['"v=DKIM1; k=rsa; p="']}}, "error", "revoked", "v=DKIM1"),
        ("dkim", {KEY: {"TXT": ['"v=DKIM1; k=rsa; p=AAAA"']}}, "error", "not the one that signs", "v=DKIM1"),
        ("dkim", {KEY: {"TXT": ['"something else"']}}, "error", "is no DKIM key", "v=DKIM1"),
        ("dmarc", {}, "ok", "quarantine, with reports", ""),
        ("dmarc", {"_dmarc.example.org": None}, "warning", "has no DMARC record", '_dmarc.example.org. TXT "v=DMARC1;'),
        ("dmarc", {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=none; rua=mailto:a@b.example"']}}, "info", "p=none", "p=quarantine"),
        ("dmarc", {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=reject"']}}, "info", "no reports", "rua="),
        ("dmarc", {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=x"']}}, "error", "no policy", "p=quarantine"),
        ("dmarc", {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']}}, "error", "2 DMARC", "p="),
        ("tls-rpt", {}, "ok", "go to mailto:postmaster@example.org", ""),
        ("tls-rpt", {"_smtp._tls.example.org": None}, "info", "no reports about TLS", "v=TLSRPTv1; rua=mailto:"),
        ("tls-rpt", {"_smtp._tls.example.org": {"TXT": ['"v=TLSRPTv1; rua=x"']}}, "warning", "not one record", "v=TLSRPTv1"),
        ("services", {}, "ok", "name the ports for mail programs", ""),
        (
            "services",
            {"_imaps._tcp.example.org": None},
            "info",
            "has no SRV record for _imaps",
            f"_imaps._tcp.example.org. SRV 0 1 993 {HOST}.",
        ),
        (
            "services",
            {"_submissions._tcp.example.org": {"SRV": [f"0 1 587 {HOST}."]}},
            "warning",
            "leads to mail.example.org:587, not to mail.example.org:465",
            f"_submissions._tcp.example.org. SRV 0 1 465 {HOST}.",
        ),
        ("dane", {}, "ok", "matches the certificate", ""),
        ("dane", {f"_25._tcp.{HOST}": None}, "info", "no TLSA record", f"_25._tcp.{HOST}. TLSA 3 1 1 "),
        ("dane", {f"_25._tcp.{HOST}": {"TLSA": ["3 1 1 " + "ab" * 32]}}, "error", "No TLSA record at", "instead of: 3 1 1 abab"),
        ("dane", {f"_25._tcp.{HOST}": {"TLSA": ["2 1 1 " + "ab" * 32]}}, "info", "name an authority", ""),
        ("mta-sts", {"_mta-sts.example.org": None}, "info", "has no MTA-STS record", '_mta-sts.example.org. TXT "v=STSv1; id='),
        ("mta-sts", {"_mta-sts.example.org": {"TXT": ['"v=STSv1; id=-"']}}, "error", "not one record", "v=STSv1; id="),
        ("mta-sts", {"mta-sts.example.org": None}, "error", "has no address", "mta-sts.example.org. CNAME mail.example.org."),
    ],
)  # fmt: skip
async def test_a_finding(tmp_path: Path, check: str, change: Change, severity: str, what: str, fix: str) -> None:
    async with dns_of(tmp_path, change) as examined:
        found = await examined.findings(check)
        (worst, *_) = sorted((one for one in found if what in one.what), key=lambda one: -one.severity) or [None]
        assert worst is not None, [one.what for one in found]
        assert worst.severity.word == severity
        assert fix in worst.fix
        assert bool(worst.why) or worst.severity is Severity.OK or worst.what.startswith("The TLSA")


def listed(answer: str) -> Zone:
    return {"7.2.0.192.bl.example": {"A": [answer], "TXT": ['"caught in a trap"']}}


@pytest.mark.parametrize(
    ("zone", "severity", "what"),
    [
        ({}, Severity.OK, "is not on the block list bl.example"),
        (listed("127.0.0.2"), Severity.ERROR, "is on the block list bl.example: caught in a trap"),
        (listed("127.255.255.254"), Severity.INFO, "does not answer this resolver"),
        (listed("192.0.2.80"), Severity.INFO, "does not answer this resolver"),
    ],
)
async def test_block_lists(zone: Zone, severity: Severity, what: str) -> None:
    async with name_server(zone) as names:
        dns = Lookups(DnspythonResolver(DnsSettings(servers=(names.address,), use_system=False)))
        (found,) = await check_block_list("192.0.2.7", "bl.example", dns)
        assert found.severity is severity
        assert what in found.what
        for inside in ("127.0.0.1", "10.1.2.3", "fd00::1"):
            assert await check_block_list(inside, "bl.example", dns) == []


def answer(text: str) -> Callable[[str, str], object]:
    async def fetch(host: str, path: str) -> str:
        assert (host, path) == ("mta-sts.example.org", "/.well-known/mta-sts.txt")
        if not text:
            raise OSError("nobody there")
        return text

    return fetch


POLICY = "version: STSv1\nmode: {}\nmx: {}\nmax_age: 86400\n"


@pytest.mark.parametrize(
    ("text", "severity", "what"),
    [
        (POLICY.format("enforce", HOST), Severity.OK, "is enforced and names this server"),
        (POLICY.format("enforce", "*.example.org"), Severity.OK, "is enforced"),
        (POLICY.format("testing", HOST), Severity.INFO, "mode: testing"),
        (POLICY.format("enforce", "mx.example.net"), Severity.ERROR, "does not name mail.example.org"),
        (POLICY.format("testing", "*.mail.example.org"), Severity.WARNING, "does not name mail.example.org"),
        (POLICY.format("maybe", HOST), Severity.ERROR, "the mode 'maybe' is none of"),
        ("<html>", Severity.ERROR, "is not 'key: value'"),
        ("", Severity.WARNING, "could not be fetched: nobody there"),
    ],
)
async def test_mta_sts_policies(tmp_path: Path, text: str, severity: Severity, what: str) -> None:
    change: Change = {"mta-sts.example.org": {"A": ["127.0.0.25"]}}
    async with dns_of(tmp_path, change) as examined:
        dns = Lookups(DnspythonResolver(DnsSettings(servers=(examined.names.address,), use_system=False)))
        (found,) = await check_mta_sts(examined.subject, DOMAIN, dns, answer(text))  # type: ignore[arg-type]
        assert (found.severity, what in found.what) == (severity, True), found


async def test_a_policy_of_our_own_with_an_old_id_is_told_of(tmp_path: Path) -> None:
    change: Change = {
        "mta-sts.example.org": {"A": ["127.0.0.25"]},
        "_mta-sts.example.org": {"TXT": ['"v=STSv1; id=old"']},
    }
    async with dns_of(tmp_path, change) as examined:
        dns = Lookups(DnspythonResolver(DnsSettings(servers=(examined.names.address,), use_system=False)))
        found: list[Finding] = await check_mta_sts(
            examined.subject,
            DOMAIN,
            dns,
            answer(examined.subject.policy.text),  # type: ignore[arg-type]
        )
        assert "is not that of the policy" in found[0].what
        assert examined.subject.policy.id in found[0].fix


async def test_names_that_nobody_can_know(tmp_path: Path) -> None:
    async with dns_of(tmp_path) as examined:
        examined.subject = replace(
            examined.subject, setup=replace(examined.subject.setup, host="localhost"), domains=("localhost",)
        )
        error, skipped = await examined.findings("names")
        assert (error.severity, skipped.severity) == (Severity.ERROR, Severity.INFO)
        assert '<helloName autodetect="false">' in error.fix
        assert await examined.findings("mx") == []


async def test_silent_name_servers_do_not_stop_the_rest(tmp_path: Path) -> None:
    async with dns_of(tmp_path) as examined:
        examined.subject = replace(examined.subject, settings=replace(examined.subject.settings, check_seconds=0.3))
        examined.names.silent.add("_dmarc.example.org")
        given_up, fine = await examined.findings("dmarc", "tls-rpt")
        assert "given up" in given_up.what
        assert fine.severity is Severity.OK


async def test_a_failure_inside_a_check_is_a_finding(tmp_path: Path) -> None:
    async def broken() -> list[Finding]:
        raise RuntimeError("a mistake of ours")

    (found,) = await examine([Check("broken", "nothing", broken)], 10.0)
    assert (found.check, found.severity) == ("broken", Severity.WARNING)
    assert "RuntimeError: a mistake of ours" in found.what


async def test_without_a_signing_key_the_mailet_is_shown(tmp_path: Path) -> None:
    async with dns_of(tmp_path) as examined:
        examined.subject = replace(examined.subject, dkim_keys=())
        (found,) = await examined.findings("dkim")
        assert found.severity is Severity.WARNING
        assert 'class="DKIMSign"' in found.fix
