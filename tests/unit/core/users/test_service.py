"""Rules of users."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from compostela.base.errors import AlreadyExists, InvalidArgument, NotFound
from compostela.base.settings import Severity
from compostela.core.users.passwords import Algorithm
from compostela.core.users.settings import UsersSettings, read_users_settings
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.scram import ScramSecrets
from compostela.model.username import Username
from tests.unit.core.accounts import QUICK, Accounts, element, reader

BOB = Username.parse("bob@example.org")


async def test_a_password_is_verified(accounts: Accounts) -> None:
    await accounts.users.add(BOB, "secret")
    for _ in range(2):
        assert await accounts.users.verify(BOB, "secret")
        assert not await accounts.users.verify(BOB, "wrong")
    assert not await accounts.users.verify(Username.parse("nobody@example.org"), "secret")
    assert not await accounts.users.verify(BOB, "x" * 100_000)


async def test_a_changed_password_is_forgotten(accounts: Accounts) -> None:
    await accounts.users.add(BOB, "secret")
    assert await accounts.users.verify(BOB, "secret")
    await accounts.users.set_password(BOB, "other")
    assert not await accounts.users.verify(BOB, "secret")
    assert await accounts.users.verify(BOB, "other")
    await accounts.users.remove(BOB)
    assert not await accounts.users.verify(BOB, "other")


@pytest.mark.parametrize(
    ("before", "after", "is_renewed"),
    [
        ("SHA-512/salted", "PBKDF2-SHA512-10-512", True),
        ("PBKDF2-9-512", "PBKDF2-SHA512-10-512", True),
        ("PBKDF2-SHA512-9-512", "PBKDF2-SHA512-10-512", True),
        ("PBKDF2-SHA512-10-512", "PBKDF2-SHA512-10-512", False),
        ("PBKDF2-SHA512-11-512", "PBKDF2-SHA512-10-512", False),
        ("PBKDF2-SHA512-10-512", "PBKDF2-5000-512", False),
        ("PBKDF2-SHA512-10-512", "MD5", False),
        ("MD5", "SHA-512", True),
        ("SHA-512", "MD5", False),
        ("SHA-1", "SHA-1/salted", True),
        ("SHA-1/salted", "SHA-1", False),
        ("NONE", "SHA-256", True),
    ],
)
async def test_a_login_renews_a_hash_that_is_easier_to_guess(
    tmp_path: Path, before: str, after: str, is_renewed: bool
) -> None:
    async with settled(tmp_path, before) as accounts:
        await accounts.users.add(BOB, "secret")
    async with settled(tmp_path, after) as accounts:
        old, secrets = await accounts.store.users.password_hash(BOB), await accounts.store.users.scram(BOB)
        assert not await accounts.users.verify(BOB, "wrong")
        assert await accounts.store.users.password_hash(BOB) == old
        assert await accounts.users.verify(BOB, "secret")
        new = await accounts.store.users.password_hash(BOB)
        assert new is not None
        assert (new != old, new.startswith(f"{Algorithm.parse(after)}:")) == (is_renewed, is_renewed or before == after)
        # both are of the same password, and of the same age
        assert (await accounts.store.users.scram(BOB) != secrets) is is_renewed
        proves = await accounts.users.scram_secrets("bob@example.org")
        assert ScramSecrets.derive(b"secret", proves.salt, proves.iterations) == proves
        assert await accounts.users.verify(BOB, "secret")
        assert not await accounts.users.verify(BOB, "wrong")
        assert await accounts.store.users.password_hash(BOB) == new


async def test_a_full_disk_keeps_nobody_out_whose_hash_is_to_be_renewed(tmp_path: Path) -> None:
    async with settled(tmp_path, "MD5") as accounts:
        await accounts.users.add(BOB, "secret")
    async with settled(tmp_path, "PBKDF2-SHA512-10-512") as accounts:
        old = await accounts.store.users.password_hash(BOB)
        accounts.store._reserve.is_used = True
        assert await accounts.users.verify(BOB, "secret")
        assert await accounts.store.users.password_hash(BOB) == old


@asynccontextmanager
async def settled(folder: Path, algorithm: str) -> AsyncIterator[Accounts]:
    accounts = await Accounts.open(folder, UsersSettings(algorithm=Algorithm.parse(algorithm)))
    try:
        yield accounts
    finally:
        await accounts.close()


async def test_a_failure_waits(tmp_path: Path) -> None:
    accounts = await Accounts.open(tmp_path, UsersSettings(verify_failure_delay_seconds=2.0, algorithm=QUICK))
    await accounts.users.add(BOB, "secret")
    assert await accounts.users.verify(BOB, "secret")
    assert accounts.slept == []
    assert not await accounts.users.verify(BOB, "wrong")
    assert not await accounts.users.verify(Username.parse("nobody@example.org"), "secret")
    assert accounts.slept == [2.0, 2.0]
    await accounts.close()


async def test_names_keep_to_virtual_hosting(accounts: Accounts) -> None:
    for name in ("bob", "bob@example.com"):
        with pytest.raises(InvalidArgument):
            await accounts.users.add(Username.parse(name), "secret")
    await accounts.users.add(BOB, "secret")
    with pytest.raises(AlreadyExists):
        await accounts.users.add(BOB, "secret")
    with pytest.raises(NotFound):
        await accounts.users.set_password(Username.parse("eve@example.org"), "secret")
    with pytest.raises(InvalidArgument):
        await accounts.users.add(Username.parse("eve@example.org"), "")


async def test_users_of_addresses(accounts: Accounts) -> None:
    await accounts.users.add(BOB, "secret")
    assert await accounts.users.user_for(MailAddress.parse("Bob@Example.ORG")) == BOB
    assert await accounts.users.user_for(MailAddress.parse("bob@example.net")) is None
    assert await accounts.users.user_for(MailAddress.parse('"a b"@example.org')) is None


async def test_without_virtual_hosting_a_local_part_is_the_user(tmp_path: Path) -> None:
    accounts = await Accounts.open(tmp_path, UsersSettings(virtual_hosting=False, algorithm=QUICK))
    with pytest.raises(InvalidArgument):
        await accounts.users.add(BOB, "secret")
    bob = await accounts.user("bob")
    assert await accounts.users.user_for(MailAddress.parse("bob@example.org")) == bob
    assert await accounts.users.user_for(MailAddress.parse("bob@example.net")) == bob
    assert await accounts.users.user_for(MailAddress.parse("bob@elsewhere.example")) is None
    assert str(accounts.users.address_of(bob)) == "bob@localhost"
    await accounts.close()


async def test_names_of_a_domain(accounts: Accounts) -> None:
    for name in ("b@example.org", "a@example.org", "c@example.net"):
        await accounts.user(name)
    assert [str(user) async for user in accounts.users.names()] == ["a@example.org", "b@example.org", "c@example.net"]
    assert [str(user) async for user in accounts.users.names(Domain("example.net"))] == ["c@example.net"]


def test_settings_of_the_sample() -> None:
    settings, problems = reader(
        element("algorithm", "PBKDF2-SHA512"),
        element("enableVirtualHosting", "true"),
        element("enableForwarding", "true"),
        element("administratorIds", "", element("administratorId", "a@b.c"), element("administratorId", "d@b.c")),
        element("verifyFailureDelay", "3s"),
        name="LocalUsers",
    )
    read = read_users_settings(settings)
    assert {one.severity for one in problems.found} <= {Severity.NO_EFFECT}
    assert read.virtual_hosting
    assert read.verify_failure_delay_seconds == 3
    assert {str(user) for user in read.administrators} == {"a@b.c", "d@b.c"}


def test_settings_complain() -> None:
    settings, problems = reader(element("algorithm", "ROT13"), element("enableVirtualHostin", "true"))
    read_users_settings(settings)
    assert len(problems.found) == 2
    assert "'enableVirtualHosting'" in str(problems.found[1])


def test_an_absent_file_has_virtual_hosting_and_an_existing_one_says_so() -> None:
    assert read_users_settings(reader()[0]).virtual_hosting
    assert not read_users_settings(reader(element("algorithm", "MD5"))[0]).virtual_hosting


@pytest.mark.usefixtures("real_scram_rounds")
@pytest.mark.slow
async def test_scram_has_as_many_iterations_as_clients_take_whatever_the_hash_has(tmp_path: Path) -> None:
    async with settled(tmp_path, "PBKDF2-SHA512-210000-512") as accounts:
        await accounts.users.add(BOB, "secret")
        for name in ("bob@example.org", "nobody@example.org"):
            assert (await accounts.users.scram_secrets(name)).iterations == 65_536


@pytest.mark.usefixtures("real_scram_rounds")
@pytest.mark.slow
async def test_a_login_renews_scram_secrets_that_clients_refuse(tmp_path: Path) -> None:
    async with settled(tmp_path, "SHA-512/salted") as accounts:
        await accounts.users.add(BOB, "secret")
        stored = await accounts.store.users.password_hash(BOB)
        assert stored is not None
        older = ScramSecrets.derive(b"secret", b"salt of 16 octet", 210_000)
        await accounts.store.users.set_password_hash(BOB, stored, str(older))
        assert not await accounts.users.verify(BOB, "wrong")
        assert await accounts.users.scram_secrets("bob@example.org") == older
        assert await accounts.users.verify(BOB, "secret")
        renewed = await accounts.users.scram_secrets("bob@example.org")
        assert renewed.iterations == 65_536
        assert ScramSecrets.derive(b"secret", renewed.salt, 65_536) == renewed
        assert await accounts.store.users.password_hash(BOB) == stored
