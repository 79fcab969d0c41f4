"""`compostela dns`: the configuration comes out as records."""

import hashlib
import json
from pathlib import Path

import dns.rdatatype
import dns.zone
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from compostela.app.cli import main
from compostela.app.configuration.folder import load
from compostela.base.settings import Problems, Severity
from compostela.core.autoconfiguration.endpoints import Proxied
from compostela.doctor.examination import subject_of
from tests.unit.app.folders import write_folder


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    write_folder(
        tmp_path / "conf",
        tmp_path / "data",
        doctor_properties="public.addresses = 192.0.2.25, 2001:db8::25\n",
        autoconfiguration_properties="enabled = true\nmta-sts.mode = enforce\n",
    )
    return tmp_path / "conf"


def run(conf: Path, *arguments: str) -> str:
    data = conf.parent / "data"
    done = CliRunner().invoke(main, ["dns", "--conf", str(conf), "--data", str(data), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def records(conf: Path, *arguments: str) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for publication in json.loads(run(conf, "--json", *arguments)):
        for one in publication["records"]:
            found.setdefault((one["name"], one["type"]), []).append(one["value"])
    return found


def test_every_record_of_a_domain_comes_from_the_configuration(conf: Path) -> None:
    found = records(conf, "--domain", "example.org")
    assert found["example.org", "MX"] == ["10 mail.example.org."]
    assert found["example.org", "TXT"] == ["v=spf1 mx -all"]
    assert found["mail.example.org", "A"] == ["192.0.2.25"]
    assert found["mail.example.org", "AAAA"] == ["2001:db8::25"]
    assert found["mail.example.org", "TXT"] == ["v=spf1 a -all"]
    (key,) = found["key1._domainkey.example.org", "TXT"]
    assert key.startswith("v=DKIM1; k=rsa; p=MIIB")
    assert found["_dmarc.example.org", "TXT"] == ["v=DMARC1; p=quarantine; rua=mailto:postmaster@example.org"]
    assert found["_mta-sts.example.org", "TXT"][0].startswith("v=STSv1; id=")
    assert found["mta-sts.example.org", "CNAME"] == ["mail.example.org."]
    assert found["_smtp._tls.example.org", "TXT"] == ["v=TLSRPTv1; rua=mailto:postmaster@example.org"]
    assert found["_submissions._tcp.example.org", "SRV"] == ["0 1 465 mail.example.org."]
    assert found["_submission._tcp.example.org", "SRV"] == ["10 1 587 mail.example.org."]
    assert found["_imaps._tcp.example.org", "SRV"] == ["0 1 993 mail.example.org."]
    assert found["_imap._tcp.example.org", "SRV"] == ["0 0 0 ."]
    assert found["autoconfig.example.org", "CNAME"] == ["mail.example.org."]
    assert found["autodiscover.example.org", "CNAME"] == ["mail.example.org."]
    assert found["_autodiscover._tcp.example.org", "SRV"] == ["0 0 443 mail.example.org."]


def test_the_tlsa_record_is_that_of_the_certificate_that_is_served(conf: Path) -> None:
    certificate = x509.load_pem_x509_certificate((conf.parent / "data/tls/certificate.pem").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    expected = f"3 1 1 {hashlib.sha256(key).hexdigest()}"
    assert records(conf)["_25._tcp.mail.example.org", "TLSA"] == [expected]


def test_a_domain_without_a_key_is_only_watched_by_dmarc(conf: Path) -> None:
    found = records(conf, "--domain", "second.example")
    assert found["_dmarc.second.example", "TXT"] == ["v=DMARC1; p=none; rua=mailto:postmaster@second.example"]
    assert not [name for name, _ in found if "_domainkey" in name]
    assert found["second.example", "MX"] == ["10 mail.example.org."]
    assert ("mail.example.org", "A") in found


def test_the_policy_says_what_the_configuration_says(conf: Path) -> None:
    policy = json.loads(run(conf, "--json", "--domain", "example.org"))[0]["mtaStsPolicy"]
    assert policy == {
        "url": "https://mta-sts.example.org/.well-known/mta-sts.txt",
        "text": "version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\nmax_age: 604800\r\n",
    }


def test_a_zone_file_is_loaded_as_a_whole_zone(conf: Path) -> None:
    text = run(conf, "--zone", "--domain", "example.org", "--name-server", "ns1.example.net")
    zone = dns.zone.from_text(text, origin="example.org.", relativize=False)
    assert zone.get_soa().mname.to_text() == "ns1.example.net."
    expected = records(conf, "--domain", "example.org")
    loaded = {
        (name.to_text(omit_final_dot=True), dns.rdatatype.to_text(rdataset.rdtype))
        for name, rdataset in zone.iterate_rdatasets()
    }
    assert loaded == expected.keys() | {("example.org", "SOA"), ("example.org", "NS")}
    (key,) = zone.find_rdataset("key1._domainkey.example.org.", "TXT")
    assert len(key.strings) > 1
    assert b"".join(key.strings).decode() == expected["key1._domainkey.example.org", "TXT"][0]


def whole_zone(conf: Path, domain: str, *name_servers: str) -> dns.zone.Zone:
    chosen = [part for one in name_servers for part in ("--name-server", one)]
    return dns.zone.from_text(run(conf, "--zone", "--domain", domain, *chosen), origin=f"{domain}.", relativize=False)


def test_a_domain_without_the_servers_name_has_a_whole_zone_of_its_own(conf: Path) -> None:
    zone = whole_zone(conf, "second.example", "ns1.example.net")
    assert {str(name) for name in zone if not str(name).endswith("second.example.")} == set()


def test_a_name_server_in_the_zone_has_its_address_there(conf: Path) -> None:
    zone = whole_zone(conf, "example.org", "ns1.example.org=192.0.2.53,2001:db8::53", "mail.example.org")
    assert [str(one) for one in zone.find_rdataset("ns1.example.org.", "AAAA")] == ["2001:db8::53"]
    assert len(zone.find_rdataset("mail.example.org.", "A")) == 1
    arguments = ["dns", "--conf", str(conf), "--zone", "--domain", "example.org", "--name-server"]
    for name_server, complaint in (
        ("ns1.example.org", "ns1.example.org lies in the zone and needs its address there"),
        ("ns1.example.org=x", "is no list of addresses"),
        ("a b", "is not a domain"),
    ):
        done = CliRunner().invoke(main, [*arguments, name_server])
        assert (done.exit_code, complaint in done.output) == (64, True), done.output


def test_domains_are_taken_in_any_spelling_and_what_is_none_is_refused(conf: Path) -> None:
    assert ("xn--strae-oqa.example", "MX") in records(conf, "--domain", "Straße.example.")
    done = CliRunner().invoke(main, ["dns", "--conf", str(conf), "--domain", "a b"])
    assert (done.exit_code, "'a b' is not a domain" in done.output) == (64, True)


def test_the_server_has_its_records_once(conf: Path) -> None:
    """In the nearest of the domains: two SPF records for one name would be none."""
    found = records(conf, "--domain", "example.org", "--domain", "mail.example.org")
    assert found["mail.example.org", "TXT"] == ["v=spf1 mx -all"]
    assert found["mail.example.org", "A"] == ["192.0.2.25"]


def test_two_keys_that_sign_are_both_published(conf: Path) -> None:
    path = conf / "mailetcontainer.xml"
    first, mailet, rest = path.read_text().partition('<mailet match="All" class="DKIMSign">')
    signing, end, rest = rest.partition("</mailet>")
    path.write_text(first + mailet + signing + end + mailet + signing.replace("s=key1", "s=key2") + end + rest)
    names = {name for name, _ in records(conf, "--domain", "example.org")}
    assert {"key1._domainkey.example.org", "key2._domainkey.example.org"} <= names


def test_a_server_without_a_full_name_is_told_of_for_every_domain(conf: Path) -> None:
    path = conf / "smtpserver.xml"
    path.write_text(path.read_text().replace("mail.example.org", "localhost"))
    for publication in json.loads(run(conf, "--json", "--domain", "example.org", "--domain", "localhost")):
        assert "localhost is no full host name" in " ".join(publication["notes"])


def test_a_piece_for_a_zone_that_is_there_has_no_soa(conf: Path) -> None:
    text = run(conf, "--zone")
    assert "SOA" not in text
    dns.zone.from_text(text.partition("\n\n")[0], origin="example.org.", check_origin=False)


def test_the_policy_can_name_other_exchangers(conf: Path) -> None:
    (conf / "autoconfiguration.properties").write_text("mta-sts.mx = MX1.example.org., *.example.net\n")
    policy = json.loads(run(conf, "--json", "--domain", "example.org"))[0]["mtaStsPolicy"]
    assert "\r\nmx: mx1.example.org\r\nmx: *.example.net\r\n" in policy["text"]


def test_ports_and_the_web_host_can_be_those_that_clients_see(conf: Path) -> None:
    (conf / "autoconfiguration.properties").write_text("public.port.imaps = 10993\nweb.host = www.example.net\n")
    found = records(conf, "--domain", "example.org")
    assert found["_imaps._tcp.example.org", "SRV"] == ["0 1 10993 mail.example.org."]
    assert found["autoconfig.example.org", "CNAME"] == ["www.example.net."]


@pytest.mark.parametrize(
    ("elements", "proxied"),
    [
        ("", Proxied.NO),
        ("<proxyRequired>true</proxyRequired>", Proxied.BEFORE_TLS),
        ("<proxyRequired>true</proxyRequired><proxyFirst>false</proxyFirst>", Proxied.INSIDE_TLS),
        ("<proxyRequired>true</proxyRequired><proxyNetworks>10.0.0.0/8</proxyNetworks>", Proxied.BY_OTHERS),
    ],
)
def test_endpoints_know_of_their_proxies(conf: Path, elements: str, proxied: Proxied) -> None:
    for name, server in (("smtp", "<smtpserver>"), ("imap", "<imapserver>"), ("lmtp", "<lmtpserver>")):
        path = conf / f"{name}server.xml"
        text = path.read_text() if path.exists() else "<lmtpservers><lmtpserver></lmtpserver></lmtpservers>"
        path.write_text(text.replace(server, server + elements))
    problems = Problems()
    subject = subject_of(load(conf, conf.parent / "data", problems).examined, ["example.org"])
    assert not problems.of(Severity.ERROR)
    assert [one.speaks.value for one in subject.endpoints] == ["smtp", "smtp", "smtp", "lmtp", "imap"]
    assert {one.proxied for one in subject.endpoints} == {proxied}


def test_people_get_a_table_with_reasons_and_notes(conf: Path) -> None:
    (conf / "doctor.properties").unlink()
    text = run(conf)
    assert " MX     10 mail.example.org.\n    Mail for the domain comes" in text
    assert "mail.example.org needs A and AAAA records with the public addresses" in text
    assert "Reverse DNS of each public address must be mail.example.org" in text


def test_a_key_that_cannot_be_read_is_told_of(conf: Path) -> None:
    (conf / "dkim.pem").write_text("no key")
    assert "mailetcontainer.xml:2: DKIMSign cannot sign" in run(conf)


def test_a_wrong_configuration_ends_as_check_does(conf: Path) -> None:
    (conf / "doctor.properties").write_text("public.addresses = nowhere\nblocklist = x\nreport.mailbox = a@b\n")
    done = CliRunner().invoke(main, ["dns", "--conf", str(conf), "--data", str(conf.parent / "data")])
    assert done.exit_code == 78
    assert "doctor.properties:1: public.addresses: 'nowhere' is no IP address" in done.output
    assert "doctor.properties:2: unknown 'blocklist'" in done.output
    assert "doctor.properties:3: report.mailbox: 'a@b' is no plain local part" in done.output
