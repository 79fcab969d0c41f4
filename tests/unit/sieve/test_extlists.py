"""The examples of RFC 6134."""

from compostela.sieve.actions import FileInto, Keep, Notify, RedirectToList
from compostela.sieve.host import Envelope, PlainHost, SpamVerdict
from tests.unit.sieve.scripts import actions, message

BOOK = ":addrbook:default"
HOLIDAYS, MEMBERS, ADDRESSES, SUFFIXES = (
    "tag:example.com,2011-01-01:localHolidays",
    "tag:example.com,2010-05-28:mylist",
    "tag:example.com,2011-04-10:DisallowedIPs",
    "tag:example.com,2011-04-10:BadFileNameExts",
)
MAIL = message("From: joe@firm.example\nTo: me+mylist@example.org\nSubject: x\n\nhello\n")
KEPT = [Keep(is_implicit=True)]


def test_unknown_senders_are_allowed_less_spam() -> None:
    script = f"""require ["envelope", "extlists", "fileinto", "spamtest", "variables", "relational", "comparator-i;ascii-numeric"];
        if envelope :list "from" "{BOOK}" {{ set "lim" "8"; }} else {{ set "lim" "3"; }}
        if spamtest :value "ge" :comparator "i;ascii-numeric" "${{lim}}" {{ fileinto "spam"; }}"""
    known = {BOOK: frozenset({"joe@firm.example"})}
    for lists, score, wanted in (
        (known, 0.5, KEPT),
        (known, 0.9, [FileInto("spam")]),
        ({}, 0.5, [FileInto("spam")]),
        ({}, 0.1, KEPT),
    ):
        host = PlainHost(lists=lists, verdict=SpamVerdict(score))
        assert actions(script, MAIL, host, Envelope("joe@firm.example", "me@example.org")) == wanted


def test_a_notification_on_holidays() -> None:
    script = f"""require ["extlists", "date", "enotify"];
        if currentdate :list "date" "{HOLIDAYS}" {{ notify "mailto:romeo@im.example.com"; }}"""
    for days, told in (({"2026-11-28"}, True), ({"2026-12-25"}, False)):
        found = actions(script, MAIL, PlainHost(lists={HOLIDAYS: frozenset(days)}))
        assert any(isinstance(one, Notify) for one in found) is told


def test_mail_of_members_goes_to_the_list() -> None:
    script = f"""require ["extlists", "envelope", "subaddress"];
        if allof (envelope :detail "to" "mylist", header :list "from" "{MEMBERS}") {{ redirect :list "{MEMBERS}"; }}"""
    host = PlainHost(lists={MEMBERS: frozenset({"joe@firm.example"})})
    assert actions(script, MAIL, host, Envelope("x@y.example", "me+mylist@example.org")) == [RedirectToList(MEMBERS)]
    assert actions(script, MAIL, host, Envelope("x@y.example", "me@example.org")) == KEPT


def test_addresses_of_relays_in_a_list() -> None:
    script = f"""require ["variables", "extlists", "index", "fileinto"];
        if header :matches :index 1 :last "received" "*[*]*" {{ set "ip" "${{2}}"; }}
        if string :list "${{ip}}" "{ADDRESSES}" {{ fileinto "bad"; }}"""
    mail = message("Received: from a (a [192.0.2.7]) by b\nFrom: a@b.example\n\nhello\n")
    host = PlainHost(lists={ADDRESSES: frozenset({"192.0.2.7"})})
    assert actions(script, mail, host) == [FileInto("bad")]
    assert actions(script, mail, PlainHost(lists={ADDRESSES: frozenset()})) == KEPT


def test_names_of_files_in_a_list() -> None:
    script = f"""require ["extlists", "foreverypart", "mime", "fileinto"];
        foreverypart {{ if header :mime :param "filename" :list ["Content-Type", "Content-Disposition"] "{SUFFIXES}"
            {{ fileinto "bad"; }} }}"""
    mail = message(
        "MIME-Version: 1.0\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=x.exe\n\nhello\n"
    )
    assert actions(script, mail, PlainHost(lists={SUFFIXES: frozenset({"x.exe"})})) == [FileInto("bad")]
    assert actions(script, mail, PlainHost(lists={SUFFIXES: frozenset({"y.exe"})})) == KEPT


def test_all_lists_must_be_valid() -> None:
    """§2.5."""
    host = PlainHost(lists={BOOK: frozenset()})
    for names, valid in ((f'"{BOOK}"', True), (f'["{BOOK}", ":addrbook:work"]', False)):
        script = f'require ["extlists", "fileinto"]; if valid_ext_list {names} {{ fileinto "valid"; }}'
        assert (actions(script, MAIL, host) == [FileInto("valid")]) is valid
