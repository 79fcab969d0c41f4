"""Networks as operators write them."""

import pytest

from compostela.base.settings import Node, Place, Problems, Settings, Severity
from compostela.core.networks import Network, is_in, parse_network, read_networks


def networks(text: str, **names: list[str]) -> list[Network]:
    return parse_network(text, lambda name: names.get(name.replace(".", "_"), []))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("127.*", "127.1.2.3", "128.0.0.1"),
        ("127.0.0.0/8", "127.255.0.1", "126.0.0.1"),
        ("127.0.0.0/255.0.0.0", "127.255.0.1", "126.0.0.1"),
        ("localhost/8", "127.9.9.9", "::2"),
        ("LocalHost", "::1", "127.0.0.2"),
        ("192.0.2.7/24", "192.0.2.255", "192.0.3.0"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("[::1]", "::1", "::2"),
        ("10.1.*.*", "10.1.255.255", "10.2.0.0"),
        ("*", "192.0.2.1", "::1"),
        ("127.0.0.0/8", "::ffff:127.0.0.1", "unknown"),
        ("relay.example.net", "192.0.2.9", "192.0.2.8"),
        ("relay.example.net", "2001:db8::9", "2001:db8::8"),
        ("relay.example.net/24", "192.0.2.200", "2001:db8::8"),
        ("::ffff:10.0.0.0/104", "10.0.0.1", "11.0.0.1"),
        ("::ffff:10.0.0.1", "::FFFF:10.0.0.1", "10.0.0.2"),
        ("10.0.0.1", "::FFFF:10.0.0.1", "::10.0.0.1"),
        ("six.example.net/24", "2001:db8::9", "2001:db8::8"),
    ],
)
def test_forms_of_networks(text: str, inside: str, outside: str) -> None:
    found = networks(text, relay_example_net=["192.0.2.9", "2001:db8::9"], six_example_net=["2001:db8::9"])
    assert is_in(inside, found)
    assert not is_in(outside, found)


def test_a_name_without_an_address_counts_for_nothing_and_is_told() -> None:
    problems = Problems()
    node = Node(
        "smtpserver", Place("x"), children=[Node("authorizedAddresses", Place("x", 3), "gone.example, 192.0.2.1")]
    )
    found = read_networks(Settings(node, problems), "authorizedAddresses", lambda _: [])
    assert [str(one) for one in found] == ["192.0.2.1/32"]
    assert [str(one) for one in problems.of(Severity.WARNING)] == [
        "x:3: authorizedAddresses: the name 'gone.example' has no address now and counts for nothing"
    ]


def settings_of(text: str) -> tuple[Settings, Problems]:
    problems = Problems()
    node = Node("handler", Place("test"), children=[Node("networks", Place("test"), text)])
    return Settings(node, problems), problems


def test_several_networks_in_one_element() -> None:
    settings, problems = settings_of("192.0.2.1, 127.* 10.1.0.0/255.255.0.0,2001:db8::/32")
    found = read_networks(settings, "networks", lambda _: [])
    assert not problems.found
    inside = ("192.0.2.1", "127.9.9.9", "10.1.2.3", "2001:db8::5", "::ffff:10.1.2.3")
    assert [is_in(one, found) for one in inside] == [True] * 5
    assert [is_in(one, found) for one in ("192.0.2.2", "10.2.0.1", "2001:db9::1", "nothing")] == [False] * 4


def test_text_that_is_no_network_is_an_error() -> None:
    settings, problems = settings_of("10.0.0.0/8, 1.*.2, 1.2.3.4.5")
    read_networks(settings, "networks", lambda _: [])
    assert [problem.message.partition(" is")[0] for problem in problems.of(Severity.ERROR)] == [
        "networks: '1.*.2'",
        "networks: '1.2.3.4.5'",
    ]
