"""What the published suite does not ask: time, limits that can be set, addresses beyond ASCII, what names are looked up."""

import asyncio
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.mailauth.spf.evaluation import MAX_EXPLANATION, SpfLimits, check_host
from compostela.mailauth.spf.macros import SpfSyntaxError, parse_domain_spec
from compostela.mailauth.spf.record import parse_record, select
from compostela.mailauth.spf.result import SpfCode, SpfIdentity, SpfResult, received_spf
from compostela.model.mail_address import MailAddress
from tests.unit.mailauth.zones import Zone, ZoneDns

CLIENT = "192.0.2.1"


async def check(
    zone: Zone,
    *,
    ip: str = CLIENT,
    sender: str = "ann@a.example",
    helo: str = "h.example",
    limits: SpfLimits | None = None,
) -> SpfResult:
    domain = sender.rpartition("@")[2]
    return await check_host(
        ip, domain, sender, helo, ZoneDns(zone), now=1_000_000.5, receiver="mx.b.example", limits=limits
    )


class Silent(ZoneDns):
    """Never answers."""

    async def txt(self, name: str) -> list[str]:
        await asyncio.Event().wait()
        return []


async def test_a_check_that_takes_too_long_is_a_temporary_error() -> None:
    result = await check_host(
        CLIENT, "a.example", "ann@a.example", "h", Silent({}), now=0.0, limits=SpfLimits(seconds=0.01)
    )
    assert result == SpfResult(SpfCode.TEMPERROR, problem="it took too long")


async def test_an_address_with_a_zone_is_the_address() -> None:
    zone = {"a.example": [{"TXT": "v=spf1 ip6:fe80::/10 -all"}]}
    assert (await check(zone, ip="fe80::1%eth0")).code is SpfCode.PASS


async def test_the_limits_can_be_set() -> None:
    zone = {"a.example": [{"TXT": "v=spf1 a:x1.example a:x2.example a:x3.example ip4:192.0.2.1 -all"}]}
    assert (await check(zone)).problem == "more than 2 look-ups without an answer"
    assert (await check(zone, limits=SpfLimits(void_lookups=3))).code is SpfCode.PASS
    assert (await check(zone, limits=SpfLimits(terms=2))).problem == "more than 2 terms that ask DNS"


async def test_a_record_of_absurd_length_is_an_error_and_such_an_explanation_none() -> None:
    many = "ip4:203.0.113.1 " * 500
    assert (await check({"a.example": [{"TXT": f"v=spf1 {many}ip4:192.0.2.1 -all"}]})).code is SpfCode.PASS
    result = await check({"a.example": [{"TXT": f"v=spf1 {many}{many}ip4:192.0.2.1 -all"}]})
    assert (result.code, result.problem) == (SpfCode.PERMERROR, "the SPF record of a.example is too long")
    included = {"a.example": [{"TXT": "v=spf1 include:b.example -all"}], "b.example": [{"TXT": f"v=spf1 {many}{many}"}]}
    assert (await check(included)).problem == "the SPF record of b.example is too long"
    told = {"a.example": [{"TXT": "v=spf1 -all exp=b.example"}], "b.example": [{"TXT": "%{s}" * 3000}]}
    assert (await check(told)).explanation is None


async def test_others_have_their_turn_between_records_that_are_remembered() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    zone = {f"n{number}.example": [{"TXT": f"v=spf1 include:n{number + 1}.example -all"}] for number in range(8)}
    beside = asyncio.create_task(other())
    await check({**zone, "n8.example": [{"TXT": "v=spf1 +all"}]}, sender="ann@n0.example")
    beside.cancel()
    assert turns >= 9


async def test_a_domain_in_its_own_script_is_asked_for_in_a_labels() -> None:
    zone = {
        "xn--bcher-kva.example": [{"TXT": "v=spf1 a:%{o}.spf.example -all"}],
        "xn--bcher-kva.example.spf.example": [{"A": CLIENT}],
    }
    assert (await check(zone, sender="ann@bücher.example")).code is SpfCode.PASS


@pytest.mark.parametrize("macro", ["%{l}", "%{s}", "%{L}"])
async def test_a_local_part_beyond_ascii_matches_nothing(macro: str) -> None:
    """RFC 8616 §4."""
    zone = {"a.example": [{"TXT": f"v=spf1 exists:{macro}.a.example ?all"}]}
    dns = ZoneDns(zone)
    result = await check_host(CLIENT, "a.example", "zoë@a.example", "h", dns, now=0.0)
    assert (result.code, result.mechanism) == (SpfCode.NEUTRAL, "?all")
    assert dns.questions == [("a.example", "TXT")]


async def test_a_redirect_that_no_name_comes_out_of_is_an_error() -> None:
    assert (
        await check({"a.example": [{"TXT": "v=spf1 redirect=%{l}"}]}, sender="zoë@a.example")
    ).code is SpfCode.PERMERROR


async def test_names_of_the_client_are_asked_for_once() -> None:
    dns = ZoneDns(
        {"a.example": [{"TXT": "v=spf1 ptr:b.example ptr:c.example exists:%{p}.example exists:%{p}.org -all"}]}
    )
    await check_host(CLIENT, "a.example", "x@a.example", "h", dns, now=0.0, limits=SpfLimits(void_lookups=5))
    assert [kind for _, kind in dns.questions].count("PTR") == 1


@pytest.mark.parametrize(
    "domain", ["", "example", "[192.0.2.1]", "192.0.2.1", "a..example", "x" * 64 + ".example", "zoë" * 30 + ".example"]
)
async def test_what_is_no_full_domain_has_no_policy(domain: str) -> None:
    result = await check_host(CLIENT, domain, f"x@{domain}", "h", ZoneDns({}), now=0.0)
    assert result.code is SpfCode.NONE


async def test_macros_of_explanations() -> None:
    zone = {
        "a.example": [{"TXT": "v=spf1 -all exp=why.a.example"}],
        "why.a.example": [{"TXT": "%{c} as %{h} to %{r} at %{t}: %{s}, %{o}, %{v}%%%_%-"}],
    }
    assert (await check(zone)).explanation == (
        "192.0.2.1 as h.example to mx.b.example at 1000000: ann@a.example, a.example, in-addr% %20"
    )


@pytest.mark.parametrize("text", ["", "two\r\nlines", "with \x07"])
async def test_an_explanation_that_no_reply_could_hold_is_left_out(text: str) -> None:
    zone = {"a.example": [{"TXT": "v=spf1 -all exp=why.a.example"}], "why.a.example": [{"TXT": text}]}
    assert (await check(zone)).explanation is None


async def test_a_long_explanation_is_cut() -> None:
    zone = {"a.example": [{"TXT": "v=spf1 -all exp=why.a.example"}], "why.a.example": [{"TXT": "%{l}" * 500}]}
    assert len((await check(zone)).explanation or "") == MAX_EXPLANATION


@pytest.mark.slow
@given(
    st.text(max_size=60)
    | st.from_regex(r"v=spf1( [+\-?~]?(a|mx|ptr|ip4|ip6|exists|include|all|exp|redirect)[:=/%{}.a-z0-9]*)*")
)
def test_any_text_is_a_record_or_a_syntax_error(text: str) -> None:
    try:
        parse_record(text)
    except SpfSyntaxError:
        pass
    assert select([text]) in ([], [text])


@given(st.text(alphabet="%{}sldip0129r.-+=_/ aé", max_size=30), st.text(alphabet="ab.-%é", max_size=80))
async def test_any_macros_with_any_values_give_a_result(spec: str, value: str) -> None:
    try:
        parse_domain_spec(spec)
    except SpfSyntaxError:
        spec = "x.example"
    zone = {"a.example": [{"TXT": f"v=spf1 exists:{spec} a:{spec} -all exp={spec}"}], value: [{"TXT": spec}]}
    result = await check_host(CLIENT, "a.example", f"{value}@a.example", value, ZoneDns(zone), now=0.0)
    assert result.code in SpfCode


def test_a_hostile_record_costs_time_in_proportion_to_its_length() -> None:
    for term in ("a:" + "%{d}" * 15_000, "a:" + "a." * 30_000, "ip4:" + "/" * 60_000, "a" * 60_000 + "=", "%" * 60_000):
        with pytest.raises(SpfSyntaxError):
            parse_record(f"v=spf1 {term} x:")


RECEIVED = [
    (SpfResult(SpfCode.PASS, "ip4:192.0.2.1"), "pass (mx.b.example: domain of ann@a.example designates 192.0.2.1 as permitted sender) "
     'receiver=mx.b.example; identity=mailfrom; client-ip=192.0.2.1; envelope-from="ann@a.example"; helo=h.example; '
     'mechanism="ip4:192.0.2.1";'),
    (SpfResult(SpfCode.PERMERROR, problem='a "problem"'), "permerror (mx.b.example: permanent error in processing during lookup of "
     'ann@a.example) receiver=mx.b.example; identity=mailfrom; client-ip=192.0.2.1; envelope-from="ann@a.example"; '
     'helo=h.example; problem="a \\"problem\\"";'),
]  # fmt: skip


@pytest.mark.parametrize(("result", "expected"), RECEIVED)
def test_received_spf(result: SpfResult, expected: str) -> None:
    identity = SpfIdentity(CLIENT, "h.example", MailAddress.parse("ann@a.example"))
    assert received_spf(result, identity, "mx.b.example") == expected


def test_received_spf_of_a_bounce_speaks_of_helo() -> None:
    identity = SpfIdentity(str(ip_address("2001:db8::1")), "[x](y)", None)
    assert (identity.domain, identity.address) == ("[x](y)", "postmaster@[x](y)")
    assert received_spf(SpfResult(SpfCode.NONE), identity, "mx.b.example") == (
        "none (mx.b.example: postmaster@[x]\\(y\\) has no sender policy for 2001:db8::1) receiver=mx.b.example; "
        'identity=helo; client-ip="2001:db8::1"; envelope-from=""; helo="[x](y)";'
    )
