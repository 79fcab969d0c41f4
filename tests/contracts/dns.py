"""What every resolver keeps to. A subclass gives the fixture `resolver`, which answers from `ZONE`."""

import pytest

from compostela.core.dns.ports import DnsNoSuchName, DnsResolver, DnsTemporaryFailure, MxHost, SecuredDns
from compostela.model.domain import Domain

FAILING = "failing.example"
"""A domain whose name servers give SERVFAIL."""
ZONE: dict[str, dict[str, list[str]]] = {
    "many.example": {"MX": ["20 mx2.many.example.", "10 mx1.many.example.", "30 mx0.many.example."]},
    "mx1.many.example": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "plain.example": {"A": ["192.0.2.2", "192.0.2.3"], "TXT": ['"v=spf1 " "-all"', '"other"']},
    "six.example": {"AAAA": ["2001:db8::2"]},
    "null.example": {"MX": ["0 ."]},
    "text.example": {"TXT": ['"only"']},
    "_25._tcp.plain.example": {"TLSA": ["3 1 1 " + "ab" * 32]},
    "_imap._tcp.plain.example": {"SRV": ["10 1 143 plain.example.", "20 1 143 six.example."]},
    "long.example": {"TXT": [" ".join(['"' + "x" * 250 + '"'] * 20)]},
    r"odd:name\\with\032space.example": {"A": ["192.0.2.5"]},
    "xn--bcher-kva.example": {"A": ["192.0.2.4"]},
    "7.2.0.192.in-addr.arpa": {"PTR": ["client.example."]},
    "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["six.example."]},
}


class DnsResolverContract:
    ports = (DnsResolver,)

    async def test_exchangers_come_by_preference(self, resolver: DnsResolver) -> None:
        assert await resolver.mx(Domain("many.example")) == [
            MxHost(10, "mx1.many.example"),
            MxHost(20, "mx2.many.example"),
            MxHost(30, "mx0.many.example"),
        ]

    @pytest.mark.parametrize("name", ["plain.example", "six.example"])
    async def test_a_domain_with_an_address_is_its_own_exchanger(self, resolver: DnsResolver, name: str) -> None:
        assert await resolver.mx(Domain(name)) == [MxHost(0, name)]

    async def test_a_null_mx_has_no_host(self, resolver: DnsResolver) -> None:
        assert await resolver.mx(Domain("null.example")) == [MxHost(0, "")]

    @pytest.mark.parametrize("name", ["text.example", "unknown.example"])
    async def test_a_domain_with_neither_takes_no_mail(self, resolver: DnsResolver, name: str) -> None:
        with pytest.raises(DnsNoSuchName):
            await resolver.mx(Domain(name))

    async def test_exchangers_alone_are_only_those_that_are_named(self, resolver: DnsResolver) -> None:
        assert [one.host for one in await resolver.exchangers("many.example")] == [
            "mx1.many.example",
            "mx2.many.example",
            "mx0.many.example",
        ]
        assert await resolver.exchangers("null.example") == [MxHost(0, "")]
        for name in ("plain.example", "unknown.example"):
            with pytest.raises(DnsNoSuchName):
                await resolver.exchangers(name)

    async def test_addresses_of_one_kind(self, resolver: DnsResolver) -> None:
        assert sorted(await resolver.ipv4("plain.example")) == ["192.0.2.2", "192.0.2.3"]
        assert await resolver.ipv6("mx1.many.example") == ["2001:db8::1"]
        for name in ("six.example", "unknown.example"):
            with pytest.raises(DnsNoSuchName):
                await resolver.ipv4(name)
        for name in ("plain.example", "unknown.example"):
            with pytest.raises(DnsNoSuchName):
                await resolver.ipv6(name)

    async def test_a_name_is_asked_for_as_it_is(self, resolver: DnsResolver) -> None:
        assert await resolver.ipv4("odd:name\\with space.example") == ["192.0.2.5"]

    async def test_addresses(self, resolver: DnsResolver) -> None:
        assert await resolver.addresses("mx1.many.example") == ["192.0.2.1", "2001:db8::1"]
        assert sorted(await resolver.addresses("plain.example")) == ["192.0.2.2", "192.0.2.3"]
        assert await resolver.addresses("bücher.example") == ["192.0.2.4"]
        for name in ("text.example", "unknown.example"):
            with pytest.raises(DnsNoSuchName):
                await resolver.addresses(name)

    async def test_the_strings_of_a_text_record_are_one_text(self, resolver: DnsResolver) -> None:
        assert sorted(await resolver.txt("plain.example")) == ["other", "v=spf1 -all"]
        for name in ("six.example", "unknown.example"):
            with pytest.raises(DnsNoSuchName):
                await resolver.txt(name)

    async def test_records_of_other_types(self, resolver: DnsResolver) -> None:
        assert await resolver.records("_25._tcp.plain.example", "TLSA") == ["3 1 1 " + "ab" * 32]
        assert sorted(await resolver.records("_imap._tcp.plain.example", "SRV")) == [
            "10 1 143 plain.example.",
            "20 1 143 six.example.",
        ]
        for name in ("plain.example", "unknown.example"):
            with pytest.raises(DnsNoSuchName):
                await resolver.records(name, "CNAME")

    async def test_names_of_an_address(self, resolver: DnsResolver) -> None:
        assert await resolver.reverse("192.0.2.7") == ["client.example"]
        assert await resolver.reverse("2001:db8::7") == ["six.example"]
        with pytest.raises(DnsNoSuchName):
            await resolver.reverse("192.0.2.8")

    async def test_what_no_name_can_be_does_not_exist(self, resolver: DnsResolver) -> None:
        for name in ("x" * 64 + ".example", "a..example", ".".join(["label"] * 60), "ü" * 80 + ".example"):
            with pytest.raises(DnsNoSuchName):
                await resolver.addresses(name)
            with pytest.raises(DnsNoSuchName):
                await resolver.txt(name)
        with pytest.raises(DnsNoSuchName):
            await resolver.reverse("no address")

    async def test_a_failing_server_is_a_temporary_failure(self, resolver: DnsResolver) -> None:
        with pytest.raises(DnsTemporaryFailure):
            await resolver.mx(Domain(FAILING))
        with pytest.raises(DnsTemporaryFailure):
            await resolver.addresses(FAILING)
        with pytest.raises(DnsTemporaryFailure):
            await resolver.txt(FAILING)
        with pytest.raises(DnsTemporaryFailure):
            await resolver.exchangers(FAILING)


SIGNED, PLAIN, FORGED = "signed.example", "plain.example", "forged.example"
"""Zones: one whose answers are validated, one that is not signed, one whose signatures are wrong."""
TLSA = "3 1 1 " + "ab" * 32


class SecuredDnsContract:
    """A subclass gives the fixture `secured`, by a resolver that is trusted. `SIGNED` and `PLAIN` have `mx` with an address and TLSA
    records at port 25, and `alias`, which leads to `mx`."""

    ports = (SecuredDns,)

    async def test_a_validated_answer_is_secure(self, secured: SecuredDns) -> None:
        answer = await secured.secured(f"_25._tcp.mx.{SIGNED}", "TLSA")
        assert (answer.records, answer.is_secure) == ([TLSA], True)

    async def test_an_answer_without_signatures_is_not(self, secured: SecuredDns) -> None:
        answer = await secured.secured(f"_25._tcp.mx.{PLAIN}", "TLSA")
        assert (answer.records, answer.is_secure) == ([TLSA], False)

    async def test_the_absence_of_a_type_may_be_secure(self, secured: SecuredDns) -> None:
        assert (await secured.secured(f"mx.{SIGNED}", "MX")).records == []
        assert (await secured.secured(f"mx.{SIGNED}", "MX")).is_secure
        assert not (await secured.secured(f"mx.{PLAIN}", "MX")).is_secure

    async def test_a_name_that_does_not_exist_has_no_records(self, secured: SecuredDns) -> None:
        for name in (f"none.{SIGNED}", f"none.{PLAIN}", "x" * 64 + ".example"):
            answer = await secured.secured(name, "TLSA")
            assert (answer.records, answer.is_secure) == ([], False)

    async def test_an_alias_tells_where_it_leads(self, secured: SecuredDns) -> None:
        answer = await secured.secured(f"alias.{SIGNED}", "A")
        assert (answer.name, answer.is_secure) == (f"mx.{SIGNED}", True)

    async def test_a_forged_answer_is_a_failure(self, secured: SecuredDns) -> None:
        with pytest.raises(DnsTemporaryFailure):
            await secured.secured(f"mx.{FORGED}", "A")
