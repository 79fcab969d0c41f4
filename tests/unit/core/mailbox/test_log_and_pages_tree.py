"""Changes of a user's tree as one conditional write makes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.core.mailbox.log import TreeChange, TreeEntry
from compostela.core.mailbox.log_and_pages.tree import (
    KEPT_CHANGES,
    LATEST_UID_VALIDITY,
    TRIM_CHANGES,
    StoredMailbox,
    Taken,
    TreeHead,
    change_of,
    key_of,
    path_of,
    plan_renames,
)
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.username import Username

BOB = Username("bob@example.org")


def path(name: str) -> MailboxPath:
    return MailboxPath.personal(BOB, name)


A, B, C = (StoredMailbox(name, 7) for name in "abc")
KNOWN = {path("A"): A, path("B"): B, path("C"): C}


def test_an_exchange_of_names_deletes_no_row_that_it_inserts() -> None:
    inserted, gone, changes = plan_renames(KNOWN, [("a", path("B")), ("b", path("A"))])
    assert inserted == {path("A"): B, path("B"): A}
    assert gone == []
    assert [one.change for one in changes] == [TreeChange.RENAMED, TreeChange.RENAMED]


def test_a_chain_of_names() -> None:
    inserted, gone, _ = plan_renames(KNOWN, [("a", path("B")), ("b", path("D"))])
    assert (inserted, gone) == ({path("B"): A, path("D"): B}, [path("A")])


def test_a_name_that_is_kept_cannot_be_taken() -> None:
    with pytest.raises(Taken):
        plan_renames(KNOWN, [("a", path("C"))])
    with pytest.raises(Taken):
        plan_renames(KNOWN, [("a", path("D")), ("b", path("D"))])
    with pytest.raises(KeyError):
        plan_renames(KNOWN, [("unknown", path("D"))])


def test_a_rename_that_was_done_changes_nothing() -> None:
    assert plan_renames(KNOWN, [("a", path("A"))]) == ({}, [], [])


@given(st.permutations(["A", "B", "C", "D", "E"]))
def test_names_that_come_and_names_that_go_are_disjoint(names: list[str]) -> None:
    inserted, gone, _ = plan_renames(KNOWN, [(one, path(name)) for one, name in zip("abc", names, strict=False)])
    assert not set(gone) & inserted.keys()
    final = {**{at: mailbox for at, mailbox in KNOWN.items() if at not in gone}, **inserted}
    assert final == {path(names[0]): A, path(names[1]): B, path(names[2]): C}


def test_an_uid_validity_is_higher_than_all_before() -> None:
    assert TreeHead().next_validity(1000.5) == 1000
    assert TreeHead(last_validity=5000).next_validity(1000.0) == 5001
    assert TreeHead().next_validity(1e12) == LATEST_UID_VALIDITY
    assert TreeHead(last_validity=0xFFFF_FFFF).next_validity(1000.0) == 1000


def test_a_tree_forgets_old_changes_in_steps() -> None:
    head = TreeHead(KEPT_CHANGES + TRIM_CHANGES)
    assert head.after_change().floor == KEPT_CHANGES + TRIM_CHANGES + 1 - KEPT_CHANGES
    assert TreeHead(KEPT_CHANGES).after_change() == TreeHead(KEPT_CHANGES + 1)


def test_keys_and_entries_come_back() -> None:
    work = MailboxPath("#team", BOB, "Work.Übung")
    assert path_of(key_of(work), BOB) == work
    renamed = change_of(TreeChange.RENAMED, "a", work, path("Old")).outside(BOB, 9)
    assert renamed == TreeEntry(ModSeq(9), TreeChange.RENAMED, MailboxId("a"), work, path("Old"))
    subscribed = change_of(TreeChange.SUBSCRIBED, "", work).outside(BOB, 3)
    assert subscribed == TreeEntry(ModSeq(3), TreeChange.SUBSCRIBED, None, work, None)
