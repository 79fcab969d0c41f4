"""Accounts of the configuration."""

from compostela.core.authentication.static_accounts import NO_ACCOUNTS, StaticAccounts
from compostela.core.users.scram import prepared
from compostela.model.scram import ScramSecrets
from compostela.model.username import Username

FAX, COPIER = Username("fax@example.org"), Username("copier@example.org")


async def test_any_password_of_an_account_is_right() -> None:
    accounts = StaticAccounts({FAX: ["one", "zwölf"]}) | StaticAccounts({COPIER: ["two"], FAX: ["three"]})
    right = [(FAX, "one"), (FAX, "zwölf"), (FAX, "three"), (COPIER, "two")]
    wrong = [(FAX, "two"), (FAX, ""), (COPIER, "one"), (Username("nobody"), "one"), (FAX, "\ud800")]
    assert all(accounts.verify(*one) for one in right)
    assert not any(accounts.verify(*one) for one in wrong)
    assert not NO_ACCOUNTS.verify(FAX, "one")


async def test_scram_knows_the_first_password_with_the_salt_that_nobody_would_have() -> None:
    accounts = StaticAccounts({FAX: ["one", "two"]})
    nobody, later = ScramSecrets(5000, b"salt", b"", b""), ScramSecrets(4096, b"pepper", b"", b"")
    for like in (nobody, nobody, later):
        assert await accounts.scram(FAX, like) == ScramSecrets.derive(prepared("one"), like.salt, like.iterations)
    assert await accounts.scram(COPIER, nobody) is None
