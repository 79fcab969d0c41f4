"""Addresses, domains, user names, mailbox paths and flags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.base.errors import InvalidArgument
from compostela.model.domain import Domain
from compostela.model.flags import NO_FLAGS, Flags, FlagsMode, SystemFlag
from compostela.model.mail_address import MailAddress
from compostela.model.mailbox_path import MailboxPath, check_mailbox_name, normalise_mailbox_name
from compostela.model.username import Username

BOB = Username("bob@example.org")
EXAMPLE = Domain("example.org")


# addresses


@pytest.mark.parametrize(
    ("text", "local_part", "domain"),
    [
        ("bob@example.org", "bob", "example.org"),
        ("Bob@Example.ORG", "Bob", "example.org"),
        ("bob@example.org.", "bob", "example.org"),
        ("a.b+c=d/e@example.org", "a.b+c=d/e", "example.org"),
        ('"a b@c\\""@example.org', '"a b@c\\""', "example.org"),
        ("@a.example,@b.example:bob@example.org", "bob", "example.org"),
        ("bob@[192.0.2.1]", "bob", "[192.0.2.1]"),
        ("bob@[IPv6:2001:DB8::1]", "bob", "[ipv6:2001:db8::1]"),
        ("renée@bücher.example", "renée", "xn--bcher-kva.example"),
        ("bob@under_score.example", "bob", "under_score.example"),
    ],
)
def test_an_address(text: str, local_part: str, domain: str) -> None:
    address = MailAddress.parse(text)
    assert (address.local_part, address.domain.name) == (local_part, domain)
    assert MailAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "bob", "@example.org", "bob@", "bob@@example.org", "bob@-a.example", "bob@a..example", ".bob@example.org",
        "bob.@example.org", "b..b@example.org", "bob smith@example.org", '"bob@example.org', "bob@exam ple.org",
        "bob@example.org\r\nRCPT", "x" * 65 + "@example.org", "bob@[192.0.2.1", "<bob@example.org>", "bob@example.org>",
    ],
)  # fmt: skip
def test_no_address(text: str) -> None:
    with pytest.raises(InvalidArgument):
        MailAddress.parse(text)


def test_an_address_without_domain_takes_the_default() -> None:
    assert MailAddress.parse("postmaster", EXAMPLE) == MailAddress.parse("Postmaster@example.org")
    with pytest.raises(InvalidArgument):
        MailAddress.parse("postmaster", None)


def test_case_makes_no_other_address() -> None:
    one, other = MailAddress.parse("Bob@Example.org"), MailAddress.parse("bob@example.org")
    assert one == other
    assert hash(one) == hash(other)
    assert one != MailAddress.parse("rob@example.org")
    assert one != "Bob@example.org"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ('"bob"@example.org', "bob@example.org"),
        (r'"b\o\b.s"@example.org', "bob.s@example.org"),
        (r'"b\ob s"@example.org', '"bob s"@example.org'),
        (r'"b\"\\"@example.org', r'"b\"\\"@example.org'),
        ('""@example.org', '""@example.org'),
        ('"b..s"@example.org', '"b..s"@example.org'),
        ('"bob@other.example"@example.org', '"bob@other.example"@example.org'),
    ],
)
def test_quotes_that_say_nothing_make_no_other_address(text: str, address: str) -> None:
    assert str(MailAddress.parse(text)) == address


def test_quotes_are_no_part_of_the_meaning() -> None:
    assert MailAddress.parse('"a\\"b c"@example.org').unquoted_local_part == 'a"b c'
    assert MailAddress.parse("bob@example.org").unquoted_local_part == "bob"


TEXTS = st.text(
    st.sampled_from('aA.@" -[]:1ÀİΣß\u2003\u00a0\\') | st.characters(exclude_categories=["Cs"]), max_size=40
)


@given(TEXTS)
def test_parsing_raises_nothing_else(text: str) -> None:
    for parse in (MailAddress.parse, Domain.parse, Username.parse):
        try:
            parsed = parse(text)
        except InvalidArgument:
            continue
        assert parse(str(parsed)) == parsed


# domains and users


def test_a_domain_is_in_lower_case_without_its_last_dot() -> None:
    assert Domain.parse(" Example.ORG. ") == EXAMPLE
    for text in ("", ".", "a..b", "a b", "a\u00a0b", "a\u2003.", "a\x7f", "a@b", "x" * 254, "a/b"):
        with pytest.raises(InvalidArgument):
            Domain.parse(text)


def test_a_user_with_and_without_domain() -> None:
    user = Username.parse("Bob@Example.org")
    assert (user, user.local_part, user.domain) == (BOB, "bob", EXAMPLE)
    assert Username.parse("bob@example.org.") == user
    assert (Username.parse("Bob").local_part, Username.parse("bob").domain) == ("bob", None)
    for text in ("", "@example.org", "a b", "a/b", "bob@", "bob@a..b", "x" * 256, "a@b@example.org"):
        with pytest.raises(InvalidArgument):
            Username.parse(text)


# mailbox paths


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("inbox", "INBOX"), ("InBox.Work", "INBOX.Work"), ("Inboxes", "Inboxes"), ("Work.", "Work"), ("work.inbox", "work.inbox"),
    ],
)  # fmt: skip
def test_inbox_is_in_capitals_whoever_writes_it(given: str, name: str) -> None:
    assert normalise_mailbox_name(given) == name
    assert MailboxPath.personal(BOB, given).name == name


def test_a_path_knows_its_family() -> None:
    path = MailboxPath.personal(BOB, "Work.2026.May")
    assert [parent.name for parent in path.parents()] == ["Work", "Work.2026"]
    assert path.is_below(MailboxPath.personal(BOB, "Work"))
    assert not path.is_below(path)
    assert not path.is_below(MailboxPath.personal(BOB, "Wor"))
    assert not path.is_below(MailboxPath.personal(Username("carol"), "Work"))
    assert not path.is_below(MailboxPath("#team", BOB, "Work"))
    assert MailboxPath.inbox(BOB).is_inbox
    assert not MailboxPath.personal(BOB, "INBOX.Work").is_inbox


def test_names_under_which_no_mailbox_may_be_made() -> None:
    for name in ("", "a..b", ".a", "#shared", "a%", "*", "a\r\nb", "a\x00b", "x" * 201):
        with pytest.raises(InvalidArgument):
            check_mailbox_name(name)
    for name in ("Work", "Entwürfe.2026", "x" * 200, "a b", "a/b", "a#b"):
        check_mailbox_name(name)


# flags


FLAGS = st.builds(Flags, st.integers(0, 31), st.frozensets(st.sampled_from(["$a", "$b", "c"])))


@given(FLAGS, FLAGS)
def test_flags_are_combined(current: Flags, given: Flags) -> None:
    added, removed = FlagsMode.ADD.apply(current, given), FlagsMode.REMOVE.apply(current, given)
    assert added == current | given == given | current
    assert removed | given == added
    assert removed - given == removed
    assert FlagsMode.REPLACE.apply(current, given) == given
    for flag in SystemFlag:
        assert (flag in added) is (flag in current or flag in given)
        assert (flag in removed) is (flag in current and flag not in given)


def test_flags_of_nothing() -> None:
    assert Flags.of() == NO_FLAGS
    assert Flags.of(SystemFlag.SEEN, SystemFlag.DELETED).system == 9
