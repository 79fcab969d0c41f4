"""Accounts from the configuration: of one server, beside the users of the repository."""

import asyncio
import hmac
from collections.abc import Mapping, Sequence

from compostela.core.users.scram import prepared
from compostela.model.scram import ScramSecrets
from compostela.model.username import Username


class StaticAccounts:
    """Each with one or more passwords, of which SCRAM knows the first."""

    def __init__(self, passwords: Mapping[Username, Sequence[str]]) -> None:
        self._passwords = {user: tuple(words) for user, words in passwords.items()}
        self._scram: dict[Username, ScramSecrets] = {}

    def __or__(self, other: "StaticAccounts") -> "StaticAccounts":
        """The accounts of both; where they share a name, the passwords of both."""
        names = {**self._passwords, **other._passwords}
        return StaticAccounts(
            {user: (*self._passwords.get(user, ()), *other._passwords.get(user, ())) for user in names}
        )

    def __contains__(self, user: Username) -> bool:
        return user in self._passwords

    def verify(self, user: Username, password: str) -> bool:
        """Whether it is one of the account's passwords. Takes as long for any wrong one."""
        given = password.encode("utf-8", "surrogatepass")
        found = [hmac.compare_digest(given, word.encode()) for word in self._passwords.get(user, ())]
        return any(found)

    async def scram(self, user: Username, like: ScramSecrets) -> ScramSecrets | None:
        """Secrets for the account's first password, made at the first call; None without such an account. Salt and iterations are those
        of `like`, the answer for an unknown account, so that a client cannot learn which accounts exist."""
        if user not in self._passwords:
            return None
        made = self._scram.get(user)
        if made is None or (made.salt, made.iterations) != (like.salt, like.iterations):
            password = prepared(self._passwords[user][0])
            made = await asyncio.to_thread(ScramSecrets.derive, password, like.salt, like.iterations)
            self._scram[user] = made
        return made


NO_ACCOUNTS = StaticAccounts({})
