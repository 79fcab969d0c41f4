"""What every directory of users promises."""

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.users.directory import UserDirectory
from compostela.model.domain import Domain
from compostela.model.username import Username
from tests.directory_server import GUESTS, STAFF

BOB, ANN, EVE, CARL = (Username.parse(f"{one}@example.org") for one in ("bob", "ann", "eve", "carl"))


class UserDirectoryContract:
    """With bob, ann and eve of example.org, the first two in the group `STAFF`, eve in `GUESTS`; their password is `secret`. ann has the
    description `blocked`."""

    ports = (UserDirectory,)

    async def test_it_knows_who_is_there(self, directory: UserDirectory) -> None:
        assert [await directory.contains(one) for one in (BOB, ANN, EVE, CARL)] == [True, True, True, False]

    @pytest.mark.parametrize(("password", "right"), [("secret", True), ("Secret", False), ("", False), ("a\0b", False)])
    async def test_a_password_is_right_or_wrong(self, directory: UserDirectory, password: str, right: bool) -> None:
        assert await directory.authenticate(BOB, password) == (BOB if right else None)

    async def test_no_password_is_that_of_a_user_who_is_not_there(self, directory: UserDirectory) -> None:
        assert await directory.authenticate(CARL, "secret") is None

    @pytest.mark.parametrize("name", ["*", "b*", "bob)(uid=*", "bob\\"])
    async def test_a_name_is_no_pattern(self, directory: UserDirectory, name: str) -> None:
        user = Username(f"{name}@example.org")
        assert not await directory.contains(user)
        assert await directory.authenticate(user, "secret") is None

    async def test_users_are_listed_once(self, directory: UserDirectory) -> None:
        found = [user async for batch in directory.names() for user in batch]
        assert sorted(found) == [ANN, BOB, EVE]

    async def test_users_of_a_domain(self, directory: UserDirectory) -> None:
        assert [user async for batch in directory.names(Domain("example.net")) for user in batch] == []
        assert len([user async for batch in directory.names(Domain("example.org")) for user in batch]) == 3

    async def test_attributes_and_groups(self, directory: UserDirectory) -> None:
        assert await directory.values(ANN, "Description") == ["blocked"]
        assert await directory.values(BOB, "description") == await directory.values(CARL, "description") == []
        assert [await directory.is_member(BOB, group) for group in (STAFF, GUESTS)] == [True, False]
        assert not await directory.is_member(CARL, STAFF)
        assert not await directory.is_member(BOB, f"cn=None,{STAFF}")

    async def test_a_group_has_a_distinguished_name(self, directory: UserDirectory) -> None:
        directory.check_group(STAFF)
        with pytest.raises(InvalidArgument):
            directory.check_group("staff")

    async def test_it_answers_until_it_is_closed(self, directory: UserDirectory) -> None:
        await directory.probe()
        directory.close()
