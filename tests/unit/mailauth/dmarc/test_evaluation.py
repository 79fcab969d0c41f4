"""DMARC: records, authors, organisations and the alignment table."""

import pytest

from compostela.mailauth.dmarc.domains import NoAuthor, author_domain, organisation
from compostela.mailauth.dmarc.evaluation import Authenticated, DmarcCode, evaluate
from compostela.mailauth.dmarc.record import DmarcRecord, Policy, parse_record
from tests.unit.mailauth.zones import TIMEOUT, ZoneDns

NONE, QUARANTINE, REJECT = Policy


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=DMARC1; p=none", DmarcRecord(NONE, NONE)),
        ("v=DMARC1;p=Reject;sp=quarantine;", DmarcRecord(REJECT, QUARANTINE)),
        ("v=DMARC1; p=reject; adkim=s; aspf=S; pct=20", DmarcRecord(REJECT, REJECT, True, True, 20)),
        ("v=DMARC1; p=reject; pct=x", DmarcRecord(REJECT, REJECT)),
        ("v=DMARC1; p=reject; pct=400", DmarcRecord(REJECT, REJECT)),
        ("v=DMARC1; p=reject; unknown=1", DmarcRecord(REJECT, REJECT)),
        ("v=DMARC1; rua=mailto:a@b.example", DmarcRecord(NONE, NONE)),
        ("v=DMARC1; p=reject; sp=x; rua=mailto:a@b.example!10m", DmarcRecord(NONE, NONE)),
        ("v=DMARC1; p=x", None),
        ("v=DMARC1; p=x; rua=nothing", None),
        ("v=DMARC1", None),
        ("p=none; v=DMARC1", None),
        ("v=DMARC2; p=none", None),
        ("v=spf1 -all", None),
        ("v=DMARC1; p=none; p=none", None),
    ],
)
def test_records(text: str, record: DmarcRecord | None) -> None:
    assert parse_record(text) == record


@pytest.mark.parametrize(
    ("name", "above"),
    [
        ("example.org", "example.org"),
        ("a.b.example.org", "example.org"),
        ("a.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("x.xn--p1ai", "x.xn--p1ai"),
        ("a.x.xn--p1ai", "x.xn--p1ai"),
        ("me.github.io", "me.github.io"),
        ("a.unknown-suffix", "a.unknown-suffix"),
    ],
)
def test_organisations(name: str, above: str) -> None:
    assert organisation(name) == above


@pytest.mark.parametrize(
    ("field", "domain"),
    [
        ("From: a@Example.ORG", "example.org"),
        ("From: Ann <a@example.org>, b@example.org", "example.org"),
        ("From: a@straße.example", "xn--strae-oqa.example"),
        ('From: "x@evil.example" <a@example.org>', "example.org"),
    ],
)
def test_the_authors_domain(field: str, domain: str) -> None:
    assert author_domain(f"Subject: x\r\n{field}\r\n\r\n".encode()) == domain


@pytest.mark.parametrize(
    "fields",
    [
        "Subject: x",
        "From: a@example.org\r\nFrom: b@example.org",
        "From: a@example.org, b@example.net",
        "From: nobody",
        "From:",
        "From: friends:;",
        "From: a@[192.0.2.1]",
        "From: a@localhost",
    ],
)
def test_no_author_of_one_domain(fields: str) -> None:
    with pytest.raises(NoAuthor):
        author_domain(f"{fields}\r\n\r\n".encode())


STRICT = "v=DMARC1; p=reject; adkim=s; aspf=s"
RELAXED = "v=DMARC1; p=reject"
# author, record, domain of the SPF pass, domains of signatures that hold, which are aligned
ALIGNMENT = [
    ("example.org", RELAXED, "example.org", [], "spf"),
    ("example.org", RELAXED, "bounce.example.org", [], "spf"),
    ("news.example.org", RELAXED, "example.org", [], "spf"),
    ("news.example.org", RELAXED, "bounce.example.org", [], "spf"),
    ("example.org", STRICT, "bounce.example.org", [], ""),
    ("example.org", STRICT, "example.org", [], "spf"),
    ("example.org", RELAXED, "", ["example.org"], "dkim"),
    ("example.org", RELAXED, "", ["mail.example.org"], "dkim"),
    ("example.org", STRICT, "", ["mail.example.org"], ""),
    ("example.org", STRICT, "", ["esp.example", "example.org"], "dkim"),
    ("example.org", RELAXED, "example.org", ["example.org"], "spf dkim"),
    ("example.org", RELAXED, "other.example", ["esp.example"], ""),
    ("example.org", RELAXED, "", [], ""),
    ("example.org", RELAXED, "org", ["org"], ""),
    ("one.co.uk", RELAXED, "two.co.uk", ["co.uk"], ""),
    ("a.one.co.uk", RELAXED, "one.co.uk", [], "spf"),
    ("example.org", "v=DMARC1; p=reject; adkim=s", "a.example.org", ["b.example.org"], "spf"),
    ("example.org", "v=DMARC1; p=reject; aspf=s", "a.example.org", ["b.example.org"], "dkim"),
]


@pytest.mark.parametrize(("author", "record", "spf", "dkim", "aligned"), ALIGNMENT)
async def test_the_alignment_table(author: str, record: str, spf: str, dkim: list[str], aligned: str) -> None:
    dns = ZoneDns({f"_dmarc.{author}": [{"TXT": record}]})
    result = await evaluate(author, Authenticated(spf, dkim), dns, sample=0)
    assert " ".join(result.aligned) == aligned
    assert result.code is (DmarcCode.PASS if aligned else DmarcCode.FAIL)
    assert result.disposition is (NONE if aligned else REJECT)


@pytest.mark.parametrize(
    ("zone", "author", "policy"),
    [
        ({"_dmarc.example.org": ["v=DMARC1; p=reject; sp=none"]}, "a.example.org", NONE),
        ({"_dmarc.example.org": ["v=DMARC1; p=reject; sp=none"]}, "example.org", REJECT),
        ({"_dmarc.example.org": ["v=DMARC1; p=quarantine"]}, "a.b.example.org", QUARANTINE),
        ({"_dmarc.example.org": ["v=DMARC1; p=none"], "_dmarc.a.example.org": ["v=DMARC1; p=reject"]}, "a.example.org", REJECT),
        ({"_dmarc.b.example.org": ["v=DMARC1; p=reject"]}, "a.b.example.org", None),
        ({"_dmarc.example.org": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}, "example.org", None),
        ({"_dmarc.example.org": ["v=spf1 -all", "v=DMARC1; p=reject"]}, "example.org", REJECT),
        ({"_dmarc.example.org": ["v=DMARC1; p=wrong"]}, "example.org", None),
        ({}, "example.org", None),
    ],
)  # fmt: skip
async def test_whose_record_holds(zone: dict[str, list[str]], author: str, policy: Policy | None) -> None:
    dns = ZoneDns({name: [{"TXT": text} for text in texts] for name, texts in zone.items()})
    result = await evaluate(author, Authenticated(), dns, sample=0)
    assert (result.code, result.disposition) == ((DmarcCode.NONE, NONE) if policy is None else (DmarcCode.FAIL, policy))


@pytest.mark.parametrize(
    ("policy", "sample", "disposition"),
    [("reject", 19, REJECT), ("reject", 20, QUARANTINE), ("quarantine", 20, NONE), ("none", 99, NONE)],
)
async def test_a_part_of_the_mail_is_treated_more_mildly(policy: str, sample: int, disposition: Policy) -> None:
    dns = ZoneDns({"_dmarc.example.org": [{"TXT": f"v=DMARC1; p={policy}; pct=20"}]})
    result = await evaluate("example.org", Authenticated(), dns, sample=sample)
    assert result.disposition is disposition
    assert result.policy is Policy(policy)


async def test_what_cannot_be_known_now_is_no_failure() -> None:
    result = await evaluate("example.org", Authenticated(), ZoneDns({"_dmarc.example.org": [TIMEOUT]}), sample=0)
    assert (result.code, result.disposition) == (DmarcCode.TEMPERROR, NONE)
    dns = ZoneDns({"_dmarc.example.org": [{"TXT": RELAXED}]})
    unsure = Authenticated(unsure=True)
    assert (await evaluate("example.org", unsure, dns, sample=0)).code is DmarcCode.TEMPERROR
    known = Authenticated(spf="example.org", unsure=True)
    assert (await evaluate("example.org", known, dns, sample=0)).code is DmarcCode.PASS
