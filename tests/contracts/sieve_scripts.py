"""What the stores of Sieve scripts, lists and marks keep to. Subclasses give `scripts`, `global_scripts`, `lists` and `marks`,
and the same as another process or node has them: `scripts_elsewhere` and so on."""

import asyncio

import pytest

from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.sieve.lists import MAX_LISTS, TooManyLists
from compostela.core.sieve.model import (
    MAX_GLOBAL_SCRIPTS,
    MAX_SCRIPTS,
    ScriptEntry,
    ScriptIsActive,
    ScriptName,
    ScriptSpaceExceeded,
    StoredScript,
    TooManyScripts,
)
from compostela.core.sieve.ports import GlobalScripts, SieveLists, SieveMarks, SieveScripts
from compostela.model.username import Username

ANN, BOB = Username.parse("ann@example.org"), Username.parse("bob@example.org")
ONE, TWO, THREE = (ScriptName(name) for name in ("one", "trois/../été", "zwei"))

FRIENDS, EMPTY = "tag:x.example,2026:friends", ":addrbook:default"


def a_script(name: ScriptName, size: int = 5) -> StoredScript:
    return StoredScript(name, b"k" * size, b"\x00tree of " + name.encode())


class SieveScriptsContract:
    ports = (SieveScripts,)

    async def test_scripts_come_back_as_they_were_put(
        self, scripts: SieveScripts, scripts_elsewhere: SieveScripts
    ) -> None:
        assert await scripts.scripts(ANN) == []
        assert await scripts.script(ANN, ONE) is None
        for name in (TWO, ONE):
            await scripts.put(ANN, a_script(name))
        assert await scripts_elsewhere.script(ANN, TWO) == a_script(TWO)
        assert await scripts_elsewhere.scripts(ANN) == [ScriptEntry(ONE, 5, False), ScriptEntry(TWO, 5, False)]
        await scripts.put(ANN, a_script(ONE, 7))
        assert await scripts_elsewhere.script(ANN, ONE) == a_script(ONE, 7)
        assert await scripts.scripts(BOB) == []

    async def test_at_most_one_script_is_active(self, scripts: SieveScripts, scripts_elsewhere: SieveScripts) -> None:
        await scripts.put(ANN, a_script(ONE), activate=True)
        await scripts.put(ANN, a_script(TWO))
        await scripts.put(BOB, a_script(TWO), activate=True)
        assert await scripts_elsewhere.active(ANN) == a_script(ONE)
        await asyncio.gather(*(scripts.activate(ANN, name) for name in (ONE, TWO, ONE, TWO)))
        assert [one.is_active for one in await scripts.scripts(ANN)].count(True) == 1
        await scripts.activate(ANN, TWO)
        assert await scripts_elsewhere.active(ANN) == a_script(TWO)
        await scripts.put(ANN, a_script(TWO, 9))
        assert await scripts.active(ANN) == a_script(TWO, 9)
        await scripts.activate(ANN, None)
        assert await scripts_elsewhere.active(ANN) is None
        assert await scripts.active(BOB) == a_script(TWO)

    async def test_an_unknown_script_is_not_activated_and_the_active_one_stays(self, scripts: SieveScripts) -> None:
        await scripts.put(ANN, a_script(ONE), activate=True)
        with pytest.raises(NotFound):
            await scripts.activate(ANN, TWO)
        assert await scripts.active(ANN) == a_script(ONE)

    async def test_the_active_script_is_not_deleted(self, scripts: SieveScripts) -> None:
        await scripts.put(ANN, a_script(ONE), activate=True)
        with pytest.raises(ScriptIsActive):
            await scripts.delete(ANN, ONE)
        with pytest.raises(NotFound):
            await scripts.delete(ANN, TWO)
        await scripts.activate(ANN, None)
        await scripts.delete(ANN, ONE)
        assert await scripts.scripts(ANN) == []

    async def test_a_renamed_script_stays_active(self, scripts: SieveScripts) -> None:
        await scripts.put(ANN, a_script(ONE), activate=True)
        await scripts.put(ANN, a_script(TWO))
        for name, new, error in ((THREE, ONE, NotFound), (ONE, TWO, AlreadyExists), (ONE, ONE, AlreadyExists)):
            with pytest.raises(error):
                await scripts.rename(ANN, name, new)
        await scripts.rename(ANN, ONE, THREE)
        assert await scripts.scripts(ANN) == [ScriptEntry(TWO, 5, False), ScriptEntry(THREE, 5, True)]

    async def test_the_users_quota_counts_before_the_default(self, scripts: SieveScripts) -> None:
        assert (await scripts.quota(None), await scripts.quota(ANN)) == (None, None)
        await scripts.set_quota(None, 10)
        await scripts.set_quota(ANN, 0)
        assert (await scripts.quota(None), await scripts.quota(ANN), await scripts.quota(BOB)) == (10, 0, None)
        with pytest.raises(ScriptSpaceExceeded):
            await scripts.put(ANN, a_script(ONE, 1), activate=True)
        assert await scripts.scripts(ANN) == []
        await scripts.set_quota(ANN, None)
        await scripts.put(ANN, a_script(ONE, 10))
        with pytest.raises(ScriptSpaceExceeded):
            await scripts.check_space(ANN, TWO, 1)
        await scripts.check_space(ANN, ONE, 10)
        await scripts.set_quota(ANN, 11)
        await scripts.put(ANN, a_script(TWO, 1))

    async def test_of_many_puts_at_once_no_more_than_the_quota_is_stored(self, scripts: SieveScripts) -> None:
        await scripts.set_quota(None, 10)
        names = [ScriptName(str(number)) for number in range(8)]
        done = await asyncio.gather(*(scripts.put(ANN, a_script(name, 4)) for name in names), return_exceptions=True)
        assert sorted(isinstance(one, ScriptSpaceExceeded) for one in done) == [False] * 2 + [True] * 6
        assert len(await scripts.scripts(ANN)) == 2

    async def test_the_number_of_scripts_is_limited(self, scripts: SieveScripts) -> None:
        for number in range(MAX_SCRIPTS):
            await scripts.put(ANN, a_script(ScriptName(str(number))))
        with pytest.raises(TooManyScripts):
            await scripts.put(ANN, a_script(ONE))
        await scripts.put(ANN, a_script(ScriptName("0"), 9))

    async def test_the_caller_sets_the_number_of_scripts(self, scripts: SieveScripts) -> None:
        await scripts.put(ANN, a_script(ONE), most=1)
        with pytest.raises(TooManyScripts):
            await scripts.check_space(ANN, TWO, 5, most=1)
        with pytest.raises(TooManyScripts):
            await scripts.put(ANN, a_script(TWO), most=1)
        await scripts.put(ANN, a_script(TWO), most=2)

    async def test_nothing_of_a_forgotten_user_stays(self, scripts: SieveScripts) -> None:
        await scripts.put(ANN, a_script(ONE), activate=True)
        await scripts.set_quota(ANN, 50)
        await scripts.put(BOB, a_script(ONE), activate=True)
        for _ in range(2):
            await scripts.forget(ANN)
        assert (await scripts.scripts(ANN), await scripts.active(ANN), await scripts.quota(ANN)) == ([], None, None)
        assert await scripts.active(BOB) == a_script(ONE)


class GlobalScriptsContract:
    ports = (GlobalScripts,)

    async def test_global_scripts_are_apart_from_those_of_users(
        self, global_scripts: GlobalScripts, global_scripts_elsewhere: GlobalScripts, scripts: SieveScripts
    ) -> None:
        await scripts.put(ANN, a_script(ONE))
        await global_scripts.put(a_script(ONE, 7))
        await global_scripts.put(a_script(TWO))
        await global_scripts.put(a_script(ONE, 9))
        assert await global_scripts_elsewhere.script(ONE) == a_script(ONE, 9)
        assert await scripts.script(ANN, ONE) == a_script(ONE)
        assert await global_scripts_elsewhere.scripts() == [ScriptEntry(ONE, 9, False), ScriptEntry(TWO, 5, False)]
        await global_scripts.delete(ONE)
        assert await global_scripts_elsewhere.script(ONE) is None
        assert await scripts.script(ANN, ONE) == a_script(ONE)

    async def test_an_unknown_global_script_is_not_deleted(self, global_scripts: GlobalScripts) -> None:
        with pytest.raises(NotFound):
            await global_scripts.delete(ONE)

    async def test_the_default_quota_does_not_limit_global_scripts(
        self, global_scripts: GlobalScripts, scripts: SieveScripts
    ) -> None:
        await scripts.set_quota(None, 1)
        await global_scripts.put(a_script(ONE))
        assert await global_scripts.script(ONE) == a_script(ONE)

    async def test_the_number_of_global_scripts_is_limited(self, global_scripts: GlobalScripts) -> None:
        for number in range(MAX_GLOBAL_SCRIPTS):
            await global_scripts.put(a_script(ScriptName(str(number))))
        with pytest.raises(TooManyScripts):
            await global_scripts.put(a_script(ONE))
        await global_scripts.put(a_script(ScriptName("0"), 9))


class SieveListsContract:
    ports = (SieveLists,)

    async def test_lists_come_back_as_they_were_put(self, lists: SieveLists, lists_elsewhere: SieveLists) -> None:
        assert (await lists.names(ANN), await lists.members(ANN, FRIENDS)) == ([], None)
        await lists.put(ANN, FRIENDS, ["c@x.example", "b@x.example"])
        await lists.put(ANN, EMPTY, [])
        assert await lists_elsewhere.members(ANN, FRIENDS) == ["b@x.example", "c@x.example"]
        assert await lists_elsewhere.members(ANN, EMPTY) == []
        assert await lists_elsewhere.names(ANN) == [EMPTY, FRIENDS]
        await lists.put(ANN, FRIENDS, ["d@x.example"])
        assert await lists_elsewhere.members(ANN, FRIENDS) == ["d@x.example"]
        assert (await lists.names(BOB), await lists.names(None)) == ([], [])
        await lists.delete(ANN, FRIENDS)
        assert (await lists_elsewhere.members(ANN, FRIENDS), await lists.names(ANN)) == (None, [EMPTY])
        with pytest.raises(NotFound):
            await lists.delete(ANN, FRIENDS)

    async def test_membership_is_of_one_list(self, lists: SieveLists) -> None:
        await lists.put(ANN, FRIENDS, ["b@x.example"])
        await lists.put(None, EMPTY, ["c@x.example"])
        assert await lists.contains(ANN, FRIENDS, "b@x.example")
        for owner, name, member in (
            (ANN, FRIENDS, "c@x.example"),
            (ANN, FRIENDS, ""),
            (ANN, EMPTY, "c@x.example"),
            (BOB, FRIENDS, "b@x.example"),
            (None, FRIENDS, "b@x.example"),
        ):
            assert not await lists.contains(owner, name, member)

    async def test_a_users_own_list_hides_the_one_of_all_users(self, lists: SieveLists) -> None:
        await lists.put(None, FRIENDS, ["c@x.example"])
        assert await lists.seen_by(ANN, FRIENDS) is None
        await lists.put(ANN, FRIENDS, [])
        assert await lists.seen_by(ANN, FRIENDS) == ANN
        assert await lists.seen_by(BOB, FRIENDS) is None
        with pytest.raises(NotFound):
            await lists.seen_by(ANN, EMPTY)

    async def test_of_many_puts_at_once_one_is_whole(self, lists: SieveLists, lists_elsewhere: SieveLists) -> None:
        stores, contents = (lists, lists_elsewhere), [[f"{n}-{m}" for m in range(3)] for n in range(8)]
        await asyncio.gather(*(stores[n % 2].put(ANN, FRIENDS, members) for n, members in enumerate(contents)))
        assert await lists.members(ANN, FRIENDS) in contents

    async def test_the_number_of_lists_is_limited(self, lists: SieveLists) -> None:
        for number in range(MAX_LISTS):
            await lists.put(ANN, f"tag:{number}", ["x"])
        with pytest.raises(TooManyLists):
            await lists.put(ANN, FRIENDS, ["x"])
        await lists.put(ANN, "tag:0", ["y"])
        await lists.put(BOB, FRIENDS, ["x"])

    async def test_the_lists_of_a_forgotten_user_are_gone(self, lists: SieveLists, scripts: SieveScripts) -> None:
        await lists.put(ANN, FRIENDS, ["x"])
        await lists.put(BOB, FRIENDS, ["x"])
        await scripts.forget(ANN)
        assert (await lists.names(ANN), await lists.names(BOB)) == ([], [FRIENDS])


class SieveMarksContract:
    ports = (SieveMarks,)

    async def test_a_mark_holds_until_its_time_is_over(self, marks: SieveMarks, marks_elsewhere: SieveMarks) -> None:
        assert not await marks.is_marked(ANN, b"key", "run 1", 100)
        assert await marks.mark(ANN, b"key", "run 1", 100, 160)
        assert await marks_elsewhere.is_marked(ANN, b"key", "run 2", 159.9)
        assert not await marks_elsewhere.mark(ANN, b"key", "run 2", 159.9, 500)
        assert not await marks_elsewhere.is_marked(ANN, b"key", "run 2", 160)
        assert await marks_elsewhere.mark(ANN, b"key", "run 2", 160, 500)
        assert await marks.is_marked(ANN, b"key", "run 1", 200)

    async def test_a_repeated_run_finds_its_marks_to_be_its_own(self, marks: SieveMarks) -> None:
        for _ in range(2):
            assert not await marks.is_marked(ANN, b"key", "run 1", 100)
            assert await marks.mark(ANN, b"key", "run 1", 100, 200)

    async def test_marks_of_users_and_keys_are_apart(self, marks: SieveMarks) -> None:
        await marks.mark(ANN, b"key", "run 1", 100, 200)
        assert not await marks.is_marked(BOB, b"key", "run 2", 100)
        assert not await marks.is_marked(ANN, b"key2", "run 2", 100)

    async def test_of_many_runs_at_once_one_marks(self, marks: SieveMarks, marks_elsewhere: SieveMarks) -> None:
        stores = (marks, marks_elsewhere)
        done = await asyncio.gather(*(stores[n % 2].mark(ANN, b"key", f"run {n}", 100, 200) for n in range(8)))
        assert done.count(True) == 1

    async def test_marks_are_cleared_by_the_beginning_of_their_keys(self, marks: SieveMarks) -> None:
        for key in (b"vacation:x", b"vacation:y", b"other"):
            await marks.mark(ANN, key, "run 1", 100, 200)
        await marks.clear(ANN, b"vacation:")
        assert [await marks.is_marked(ANN, key, "run 2", 100) for key in (b"vacation:x", b"other")] == [False, True]
