"""Parts of SMTP hooks that dialogues on loopback do not reach."""

import asyncio

import pytest

from compostela.core.networks import reversed_address
from compostela.mime import uris
from compostela.smtp_hooks.lookups import TimeLeft
from compostela.smtp_hooks.spam_trap import BlockedAddresses
from compostela.testing.clock import FakeClock


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.99", "99.2.0.192"),
        ("::ffff:192.0.2.99", "99.2.0.192"),
        ("2001:db8:1:2:3:4:567:89ab", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2"),
        ("fe80::1%eth0", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f"),
    ],
)
def test_addresses_as_block_lists_name_them(address: str, name: str) -> None:
    assert reversed_address(address) == name


def test_a_block_lasts_its_time() -> None:
    clock = FakeClock()
    blocked = BlockedAddresses(clock)
    blocked["192.0.2.1"] = 10
    clock.advance(9)
    assert "192.0.2.1" in blocked
    clock.advance(1)
    assert "192.0.2.1" not in blocked
    assert len(blocked) == 0


def test_blocked_addresses_are_bounded() -> None:
    blocked = BlockedAddresses(FakeClock(), most=2)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"):
        blocked[address] = 10
    assert [one in blocked for one in ("192.0.2.1", "192.0.2.2", "192.0.2.3")] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http://a.example, http://b.example.", ["a.example", "b.example"]),
        ("http:\\\\a.example\\x", ["a.example"]),
        ("<http://a.example:25/x?y@b.example>", ["a.example"]),
        ("HTTPS://user@A.Example#x", ["a.example"]),
        ("ann@www.example.org and x.www.example.org", []),
        ("http://localhost/ http:///x http://[::1]/ http://-/ file://a.example", []),
        ("http://" + "a" * 5000 + ".example", []),
        ("http://" + "ü" * 64 + ".example http://a.b.c.d.e.f.example", ["c.d.e.f.example"]),
    ],
)
def test_hosts_of_a_text(text: str, found: list[str]) -> None:
    assert list(uris.hosts(text, is_html=False)) == found


def test_so_many_hosts_of_texts_are_looked_at_and_each_once() -> None:
    seen: set[str] = set()
    strange = " ".join(f"http://1.2.3.{number} http://-{number}" for number in range(300)) + " http://\u00fc.example"
    assert len(list(uris.hosts(strange, is_html=False, seen=seen))) == 250
    assert list(uris.hosts("http://a.example http://1.2.3.4", is_html=False, seen=seen)) == []
    assert list(uris.hosts("http://a.example " * 3, is_html=False)) == ["a.example"]


async def test_time_for_several_questions_is_not_won_anew_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, now = asyncio.get_running_loop(), 100.0
    monkeypatch.setattr(loop, "time", lambda: now)
    left = TimeLeft(10)
    now += 4
    assert left.seconds == 6
    now += 10
    assert left.seconds == 0


def test_a_hostile_character_reference_does_not_hide_a_link() -> None:
    assert list(uris.hosts("&#" + "9" * 10_000 + ";<a href='http://a.example'>", is_html=True)) == ["a.example"]
