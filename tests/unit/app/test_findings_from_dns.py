"""What the diagnosis says of DNS: one mistake at a time in a zone that was right."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import dns.zone
import pytest

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.app.configuration.folder import load
from compostela.base.settings import Problems
from compostela.core.dns.settings import DnsSettings
from compostela.doctor.dns.block_lists import check_block_list
from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.mta_sts import check_mta_sts
from compostela.doctor.model import Check, Finding, Severity, examine
from compostela.doctor.subject import Subject
from compostela.testing.name_server import Zone, name_server, text_record
from tests.dialogues.examined import REVERSE, Examined, adapted
from tests.unit.app.folders import write_folder

HOST, DOMAIN = "mail.example.org", "example.org"
KEY = f"key1._domainkey.{DOMAIN}"
Change = dict[str, dict[str, list[str]] | None]
"""Name -> its records from now on; None for none."""
OTHER_NAME: Change = {DOMAIN: {"MX": ["10 mx1.example.org."]}, "mx1.example.org": {"A": ["127.0.0.25"]}}
ELSEWHERE: Change = {"mx.elsewhere.example": {"A": ["127.0.0.26"]}}


@cache
def _subject() -> Subject:
    """What the configuration says, the same for all tests: OpenSSL needs 80 ms to prove the signing key when it reads it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_folder(folder / "conf", folder / "data")
        configuration = load(folder / "conf", folder / "data", Problems())
        return replace(adapted(configuration, [DOMAIN], {}), endpoints=())


@contextlib.asynccontextmanager
async def dns_of(change: Change | None = None) -> AsyncIterator[Examined]:
    async with name_server({}) as names:
        examined = Examined(_subject(), names)
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
        ("mx", {DOMAIN: {"MX": ["0 .", f"10 {HOST}."]}}, "error", "null MX", f"instead of: {DOMAIN}. MX 0 ."),
        ("mx", {DOMAIN: {"MX": ["10 192.0.2.1."]}}, "error", "192.0.2.1 is an address", f"{DOMAIN}. MX 10 {HOST}."),
        ("mx", OTHER_NAME, "ok", "lead here (mx1.example.org)", ""),
        ("mx", OTHER_NAME, "warning", "The certificate does not name mx1.example.org", "a certificate with the name mx1.example.org"),
        (
            "mx",
            {DOMAIN: {"MX": [f"10 alias.{DOMAIN}."]}, f"alias.{DOMAIN}": {"CNAME": [f"{HOST}."]}},
            "warning",
            "alias.example.org is an alias (CNAME)",
            "an MX record with the name",
        ),
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
            {DOMAIN: {"TXT": ['"v=spf1 +MX ip4:192.0.2.0/24 include:a.x ip6:192.0.2.1 ip6:2001:db8::/32 ~all"']}},
            "error",
            "permerror",
            f'{DOMAIN}. TXT "v=spf1 mx ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all"\n'
            "with what is right and still needed of: include:a.x ip6:192.0.2.1",
        ),
        (
            "spf",
            {DOMAIN: {"TXT": ['"v=spf1 mx -all"', '"v=spf1 a -all"']}},
            "error",
            "more than one SPF record",
            'TXT "v=spf1 mx -all"\nwith what is right and still needed of: a\nas the one record instead of 2',
        ),
        ("spf", {DOMAIN: {"TXT": ['"v=spf1 +all"']}}, "warning", "lets everybody send", '"v=spf1 ip4:127.0.0.25 -all"'),
        (
            "spf",
            {DOMAIN: {"TXT": ['"v=spf1 ' + " ".join(f"include:{n}.x" for n in range(11)) + ' -all"']}}
            | {f"{n}.x": {"TXT": ['"v=spf1 ?all"']} for n in range(11)},
            "error",
            "more than 10 terms that ask DNS",
            f'{DOMAIN}. TXT "v=spf1 mx -all"',
        ),
        ("dkim", {}, "ok", "is the one that signs", ""),
        ("dkim", {KEY: None}, "error", "There is no DKIM key", f'{KEY}. TXT "v=DKIM1; k=rsa; p=MIIB'),
        ("dkim", {KEY: {"TXT": ['"v=DKIM1; k=rsa; p="']}}, "error", "revoked", "v=DKIM1"),
        ("dkim", {KEY: {"TXT": ['"v=DKIM1; k=rsa; p=AAAA"']}}, "error", "not the one that signs", "v=DKIM1"),
        ("dkim", {KEY: {"TXT": ['"something else"']}}, "error", "is no DKIM key", "v=DKIM1"),
        ("dkim", {KEY: {"TXT": ['"v=DKIM1; k=ed25519; p=AAAA"']}}, "error", "not the one that signs", "v=DKIM1"),
        ("dmarc", {}, "ok", "quarantine, with reports", ""),
        ("dmarc", {"_dmarc.example.org": None}, "warning", "has no DMARC record", '_dmarc.example.org. TXT "v=DMARC1;'),
        ("dmarc", {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=none; rua=mailto:a@b.example"']}}, "info", "p=none", "p=quarantine"),
        (
            "dmarc",
            {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=none; adkim=s; rua=mailto:a@example.org"']}},
            "info",
            "p=none",
            '"v=DMARC1; p=quarantine; adkim=s; rua=mailto:a@example.org"',
        ),
        (
            "dmarc",
            {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=reject"']}},
            "info",
            "no reports",
            '"v=DMARC1; p=reject; rua=mailto:postmaster@example.org"',
        ),
        ("dmarc", {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=reject; rua=a@example.org"']}}, "warning", "no mailto", "p=reject; rua=mailto:"),
        ("dmarc", {"_dmarc.example.org": {"TXT": ['"v=DMARC1; p=reject; rua=mailto:a@x.example!10m"']}}, "info", "asked for at x.example", 'example.org._report._dmarc.x.example. TXT "v=DMARC1"'),
        (
            "dmarc",
            {
                "_dmarc.example.org": {"TXT": ['"v=DMARC1; p=reject; rua=mailto:a@x.example"']},
                "example.org._report._dmarc.x.example": {"TXT": ['"v=DMARC1;"']},
            },
            "ok",
            "reject, with reports",
            "",
        ),
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
        ("services", {"_imap._tcp.example.org": {"SRV": [f"0 1 143 {HOST}."]}}, "warning", "users cannot log in", "_imap._tcp.example.org. SRV 0 0 0 ."),
        ("dane", {}, "ok", "matches the certificate", ""),
        (
            "dane",
            {**OTHER_NAME, "_25._tcp.mx1.example.org": {"TLSA": ["3 1 1 " + "ab" * 32]}},
            "error",
            "No TLSA record at _25._tcp.mx1.example.org",
            "_25._tcp.mx1.example.org. TLSA 3 1 1 ",
        ),
        ("dane", {f"_25._tcp.{HOST}": None}, "info", "no TLSA record", f"_25._tcp.{HOST}. TLSA 3 1 1 "),
        ("dane", {f"_25._tcp.{HOST}": {"TLSA": ["3 1 1 " + "ab" * 32]}}, "error", "No TLSA record at", "instead of: 3 1 1 abab"),
        ("dane", {f"_25._tcp.{HOST}": {"TLSA": ["2 1 1 " + "ab" * 32]}}, "info", "name an authority", ""),
        ("mta-sts", {"_mta-sts.example.org": None}, "info", "has no MTA-STS record", '_mta-sts.example.org. TXT "v=STSv1; id='),
        ("mta-sts", {"_mta-sts.example.org": {"TXT": ['"v=STSv1; id=-"']}}, "error", "not one record", "v=STSv1; id="),
        ("mta-sts", {"_mta-sts.example.org": {"TXT": [f'"v=STSv1; id={"a" * 33}"']}}, "error", "not one record", "v=STSv1; id="),
        ("mta-sts", {"mta-sts.example.org": None}, "error", "has no address", "mta-sts.example.org. CNAME mail.example.org."),
    ],
)  # fmt: skip
async def test_a_finding(check: str, change: Change, severity: str, what: str, fix: str) -> None:
    async with dns_of(change) as examined:
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
        lookups = Lookups(DnspythonResolver(DnsSettings(servers=(names.address,), use_system=False)))
        (found,) = await check_block_list("192.0.2.7", "bl.example", lookups)
        assert found.severity is severity
        assert what in found.what
        for inside in ("127.0.0.1", "10.1.2.3", "fd00::1"):
            assert await check_block_list(inside, "bl.example", lookups) == []


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
async def test_mta_sts_policies(text: str, severity: Severity, what: str) -> None:
    change: Change = {"mta-sts.example.org": {"A": ["127.0.0.25"]}}
    async with dns_of(change) as examined:
        lookups = Lookups(DnspythonResolver(DnsSettings(servers=(examined.names.address,), use_system=False)))
        (found,) = await check_mta_sts(examined.subject, DOMAIN, lookups, answer(text))  # type: ignore[arg-type]
        assert (found.severity, what in found.what) == (severity, True), found


async def test_a_policy_names_every_exchanger() -> None:
    change: Change = {
        DOMAIN: {"MX": [f"5 {HOST}.", "10 backup.example."]},
        "backup.example": {"A": ["127.0.0.26"]},
        "mta-sts.example.org": {"A": ["127.0.0.25"]},
    }
    async with dns_of(change) as examined:
        lookups = Lookups(DnspythonResolver(DnsSettings(servers=(examined.names.address,), use_system=False)))
        own = examined.subject.policy
        for text, severity, fix in (
            (own.text, Severity.WARNING, f"mta-sts.mx = {HOST}, backup.example in autoconfiguration.properties"),
            (POLICY.format("enforce", HOST), Severity.ERROR, "must give:"),
        ):
            (found,) = await check_mta_sts(examined.subject, DOMAIN, lookups, answer(text))  # type: ignore[arg-type]
            assert (found.severity, "does not name backup.example" in found.what) == (severity, True)
            assert fix in found.fix


async def test_all_keys_that_sign_are_looked_up() -> None:
    async with dns_of() as examined:
        key = examined.subject.dkim_keys[0]
        examined.subject = replace(examined.subject, dkim_keys=(key, replace(key, selector="key2")))
        fine, missing = await examined.findings("dkim")
        assert fine.severity is Severity.OK
        assert "There is no DKIM key at key2._domainkey.example.org" in missing.what


@pytest.mark.parametrize("tag", ["h=sha1", "s=tlsrpt"])
async def test_a_key_that_is_not_for_our_signatures(tag: str) -> None:
    async with dns_of() as examined:
        key = examined.subject.dkim_keys[0]
        examined.names.zone[KEY] = {"TXT": [text_record(f"{key.record}; {tag}")]}
        (found,) = await examined.findings("dkim")
        assert (found.severity, "is not for signatures of mail" in found.what) == (Severity.ERROR, True)


async def test_the_records_to_add_can_be_pasted_into_a_zone() -> None:
    """Longer ones than a string of a TXT record holds, too."""
    networks = [f"ip4:192.0.2.{n}" for n in range(40)]
    policy = {DOMAIN: {"TXT": [text_record(f"v=spf1 {' '.join(networks)} -all")]}}
    async with dns_of({KEY: None, **policy}) as examined:
        settings = replace(examined.subject.settings, addresses=("127.0.0.25", "127.0.0.24"))
        examined.subject = replace(examined.subject, settings=settings)
        found = [one.fix for one in await examined.findings("dkim", "spf") if one.subject == DOMAIN]
        text = "\n".join(["$TTL 60", *dict.fromkeys(found)])
        zone = dns.zone.from_text(text, origin=f"{DOMAIN}.", relativize=False, check_origin=False)
        (signature,) = zone.find_rdataset(f"{KEY}.", "TXT")
        assert b"".join(signature.strings).decode() == examined.subject.dkim_keys[0].record
        (sender_policy,) = zone.find_rdataset(f"{DOMAIN}.", "TXT")
        assert b"".join(sender_policy.strings).decode() == (
            f"v=spf1 {' '.join(networks)} ip4:127.0.0.25 ip4:127.0.0.24 -all"
        )


@pytest.mark.parametrize(
    ("domain", "rua", "others", "asked"),
    [
        # the record is that of the domain above
        ("a.b.co.uk", "x@y.example", {"_dmarc.b.co.uk"}, "b.co.uk._report._dmarc.y.example"),
        ("b.co.uk", "x@c.co.uk", {"_dmarc.b.co.uk"}, "b.co.uk._report._dmarc.c.co.uk"),
        ("a.b.co.uk", "x@b.co.uk", {"_dmarc.a.b.co.uk"}, None),
        ("b.co.uk", "x@c.b.co.uk", {"_dmarc.b.co.uk"}, None),
        ("a.b.co.uk", "x@c.b.co.uk", {"_dmarc.a.b.co.uk", "_dmarc.b.co.uk"}, None),
    ],
)
async def test_who_must_say_that_he_takes_reports(domain: str, rua: str, others: set[str], asked: str | None) -> None:
    text = f"v=DMARC1; p=reject; rua=mailto:{rua}"
    async with dns_of({name: {"TXT": [text_record(text)]} for name in others}) as examined:
        examined.subject = replace(examined.subject, domains=(domain,))
        (found,) = await examined.findings("dmarc")
        assert found.fix == (f'{asked}. TXT "v=DMARC1"' if asked else "")


async def test_a_policy_of_our_own_with_an_old_id_is_told_of() -> None:
    change: Change = {
        "mta-sts.example.org": {"A": ["127.0.0.25"]},
        "_mta-sts.example.org": {"TXT": ['"v=STSv1; id=old"']},
    }
    async with dns_of(change) as examined:
        lookups = Lookups(DnspythonResolver(DnsSettings(servers=(examined.names.address,), use_system=False)))
        found: list[Finding] = await check_mta_sts(
            examined.subject,
            DOMAIN,
            lookups,
            answer(examined.subject.policy.text),  # type: ignore[arg-type]
        )
        assert "is not that of the policy" in found[0].what
        assert examined.subject.policy.id in found[0].fix


async def test_names_that_nobody_can_know() -> None:
    async with dns_of() as examined:
        examined.subject = replace(
            examined.subject, setup=replace(examined.subject.setup, host="localhost"), domains=("localhost",)
        )
        error, skipped = await examined.findings("names")
        assert (error.severity, skipped.severity) == (Severity.ERROR, Severity.INFO)
        assert '<helloName autodetect="false">' in error.fix
        (nothing,) = await examined.findings("mx")
        assert (nothing.severity, "nothing to examine" in nothing.what) == (Severity.WARNING, True)


async def test_silent_name_servers_do_not_stop_the_rest() -> None:
    async with dns_of() as examined:
        examined.subject = replace(examined.subject, settings=replace(examined.subject.settings, check_seconds=0.3))
        examined.names.silent.add("_dmarc.example.org")
        given_up, fine = await examined.findings("dmarc", "tls-rpt")
        assert "given up" in given_up.what
        assert fine.severity is Severity.OK


async def test_what_there_was_no_time_for_is_told_of_once_for_each_check() -> None:
    async def slow() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    found = await examine([Check("mx", f"d{number}.example", slow) for number in range(50)], 0.05)
    given_up = [one for one in found if "given up" in one.what]
    assert 0 < len(given_up) < 50
    (rest,) = [one for one in found if one not in given_up]
    assert (rest.check, rest.severity) == ("mx", Severity.WARNING)
    assert f"and {45 - len(given_up)} more" in rest.what


async def test_a_failure_inside_a_check_is_a_finding() -> None:
    async def broken() -> list[Finding]:
        raise RuntimeError("a mistake of ours")

    (found,) = await examine([Check("broken", "nothing", broken)], 10.0)
    assert (found.check, found.severity) == ("broken", Severity.WARNING)
    assert "RuntimeError: a mistake of ours" in found.what


async def test_without_a_signing_key_the_mailet_is_shown() -> None:
    async with dns_of() as examined:
        examined.subject = replace(examined.subject, dkim_keys=())
        (found,) = await examined.findings("dkim")
        assert found.severity is Severity.WARNING
        assert 'class="DKIMSign"' in found.fix
