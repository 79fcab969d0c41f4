"""The model of the chaos runs notices what it is there to notice."""

import random

from tests.chaos.ledger import Found, Ledger, Message, Presence, content_of

ANN = "ann@example.org"
HERE = Found("INBOX", 1, frozenset({"$One"}), True)
MOVED = Found("Work", 7, frozenset({"$One"}), True)


def a_message(ledger: Ledger) -> tuple[str, Message]:
    """One that was acknowledged."""
    mark = ledger.begin("smtp", [ANN])
    ledger.acknowledge(mark, [ANN])
    return mark, ledger.messages[mark, ANN]


def test_an_acknowledged_mail_must_be_there_once() -> None:
    ledger = Ledger()
    mark, _ = a_message(ledger)
    assert ledger.judge({(mark, ANN): [HERE]}) == []
    assert len(ledger.judge({})) == 1
    assert len(ledger.judge({(mark, ANN): [HERE, MOVED]})) == 1


def test_a_mail_without_an_answer_may_be_there_once() -> None:
    ledger = Ledger()
    mark = ledger.begin("smtp", [ANN])
    assert ledger.judge({}) == []
    assert ledger.judge({(mark, ANN): [HERE]}) == []
    assert len(ledger.judge({(mark, ANN): [HERE, MOVED]})) == 1


def test_an_expunged_message_must_not_come_back() -> None:
    ledger = Ledger()
    mark, message = a_message(ledger)
    message.presence = Presence.GONE
    assert ledger.judge({}) == []
    assert len(ledger.judge({(mark, ANN): [HERE]})) == 1


def test_a_move_without_an_answer_may_leave_two() -> None:
    ledger = Ledger()
    mark, message = a_message(ledger)
    message.unknown_moves = 1
    assert ledger.judge({(mark, ANN): [HERE, MOVED]}) == []
    assert len(ledger.judge({})) == 1


def test_keywords_and_octets_must_be_those_that_were_given() -> None:
    ledger = Ledger()
    mark, message = a_message(ledger)
    message.keywords = {"$One": False, "$Two": None}
    assert len(ledger.judge({(mark, ANN): [HERE]})) == 1
    message.keywords = {"$One": True}
    assert ledger.judge({(mark, ANN): [HERE]}) == []
    assert len(ledger.judge({(mark, ANN): [Found("INBOX", 1, frozenset({"$One"}), False)]})) == 1


def test_a_message_that_was_never_sent_is_told() -> None:
    assert len(Ledger().judge({("smtp-1", ANN): [HERE]})) == 1


def test_only_messages_whose_place_is_known_are_worked_on() -> None:
    ledger, dice = Ledger(), random.Random(1)
    _, message = a_message(ledger)
    assert ledger.usable(ANN, dice) is None
    message.uid = 1
    assert ledger.usable(ANN, dice) is message
    message.is_busy = True
    assert ledger.usable(ANN, dice) is None


def test_the_content_of_a_mark_is_always_the_same() -> None:
    assert content_of("smtp-1") == content_of("smtp-1")
    assert content_of("smtp-1") != content_of("smtp-2")
