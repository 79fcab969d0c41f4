"""Sets of UIDs and sequence sets behave as plain sets would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.base.errors import InvalidArgument
from compostela.model.sequence_set import MAX_RANGES, SequenceSet
from compostela.model.uid_set import MAX_UID, UidSet

UIDS = st.sets(st.integers(1, 60))
RANGES = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)))
ITEMS = st.lists(st.tuples(st.integers(0, 40), st.none() | st.integers(0, 40)), min_size=1, max_size=6)


def of(uids: set[int]) -> UidSet:
    return UidSet.of(uids)


@given(RANGES)
def test_ranges_are_sorted_disjoint_and_not_adjacent(ranges: list[tuple[int, int]]) -> None:
    made = UidSet(ranges)
    assert set(made) == {uid for first, last in ranges for uid in range(first, last + 1)}
    assert len(made) == made.count == len(set(made))
    assert made.range_count == len(made.ranges)
    assert all(end + 1 < start for (_, end), (start, _) in zip(made.ranges, made.ranges[1:], strict=False))


@given(UIDS, UIDS)
def test_operations_are_those_of_sets(one: set[int], other: set[int]) -> None:
    assert of(one) & of(other) == of(one & other)
    assert of(one) | of(other) == of(one | other)
    assert of(one) - of(other) == of(one - other)
    assert (of(one) == of(other)) is (one == other)
    assert bool(of(one)) is bool(one)
    if one == other:
        assert hash(of(one)) == hash(of(other))


@given(UIDS)
def test_positions_and_uids_are_found_from_one_another(uids: set[int]) -> None:
    made, ordered = of(uids), sorted(uids)
    assert list(made) == ordered
    assert [made.at(position) for position in range(len(ordered))] == ordered
    for uid in range(62):
        assert (uid in made) is (uid in uids)
        assert made.position(uid) == (ordered.index(uid) if uid in uids else None)
        assert made.rank(uid) == sum(one < uid for one in ordered)
        run = made.run_of(uid)
        assert (run is None) is (uid not in uids)
        if run is not None:
            last, offset = run
            assert uid - offset == made.position(uid)
            assert set(range(uid, last + 1)) <= uids
            assert last + 1 not in uids
    for position in (-1, len(ordered)):
        with pytest.raises(IndexError):
            made.at(position)


@given(UIDS, st.integers(-3, 70), st.integers(-3, 70))
def test_a_slice_is_cut_to_the_set(uids: set[int], first: int, last: int) -> None:
    expected = sorted(uids)[max(first, 0) : max(last + 1, 0)]
    assert list(of(uids).slice(first, last)) == expected


def test_is_written_as_in_imap() -> None:
    assert str(UidSet([(7, 7), (1, 3), (4, 4), (10, 12)])) == "1:4,7,10:12"
    assert str(UidSet()) == ""
    assert repr(UidSet([(1, 2)])) == "UidSet(1:2)"


def test_a_dense_set_costs_one_range() -> None:
    assert UidSet([(1, MAX_UID)]).ranges == [(1, MAX_UID)]
    assert UidSet.of(range(1, 10_001)).range_count == 1


def _text(items: list[tuple[int, int | None]]) -> bytes:
    def number(one: int) -> str:
        return str(one) if one else "*"

    return ",".join(number(a) if b is None else f"{number(a)}:{number(b)}" for a, b in items).encode()


def _meant(items: list[tuple[int, int | None]], highest: int) -> set[int]:
    found: set[int] = set()
    for a, b in items:
        one, other = a or highest, (a if b is None else b) or highest
        found.update(range(min(one, other), max(one, other) + 1))
    return found


@given(ITEMS, UIDS)
def test_a_sequence_set_of_uids(items: list[tuple[int, int | None]], present: set[int]) -> None:
    expected = _meant(items, max(present)) & present if present else set()
    assert set(SequenceSet.parse(_text(items)).resolve(of(present), uid=True)) == expected


@given(ITEMS, UIDS)
def test_a_sequence_set_of_numbers(items: list[tuple[int, int | None]], present: set[int]) -> None:
    ordered = sorted(present)
    numbers = _meant(items, len(ordered)) if ordered else set()
    expected = {uid for number, uid in enumerate(ordered, 1) if number in numbers}
    assert set(SequenceSet.parse(_text(items)).resolve(of(present), uid=False)) == expected


@pytest.mark.parametrize(
    "text", [b"", b"0", b"01", b"1,", b",1", b"1:", b":1", b"1:2:3", b"*:", b"a", b"1 2", b"-1", b"4294967296", b"99999999999"]
)  # fmt: skip
def test_what_is_no_sequence_set(text: bytes) -> None:
    with pytest.raises(InvalidArgument):
        SequenceSet.parse(text)


def test_a_sequence_set_is_bounded() -> None:
    assert len(SequenceSet.parse(b",".join([b"1"] * MAX_RANGES)).ranges) == MAX_RANGES
    with pytest.raises(InvalidArgument):
        SequenceSet.parse(b",".join([b"1"] * (MAX_RANGES + 1)))


@given(st.binary(max_size=40))
def test_nothing_raises_anything_else(octets: bytes) -> None:
    try:
        SequenceSet.parse(octets)
    except InvalidArgument:
        pass


@pytest.mark.slow
@given(UIDS, UIDS)
def test_positions_of_many_are_those_of_each(members: set[int], asked: set[int]) -> None:
    known = of(members)
    each = [position for uid in sorted(asked) if (position := known.position(uid)) is not None]
    assert known.positions(sorted(asked)) == each
