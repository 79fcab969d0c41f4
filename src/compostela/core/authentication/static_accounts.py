"""Accounts that stand in the configuration: of one server, beside the users of the repository."""

import asyncio
import hmac
import os
from collections.abc import Mapping, Sequence

from compostela.core.users.scram import MIN_ITERATIONS, prepared
from compostela.model.scram import ScramSecrets
from compostela.model.username import Username

_SALT_BYTES = 16


class StaticAccounts:
    """Each with one or more passwords, of which SCRAM knows the first."""

    def __init__(self, passwords: Mapping[Username, Sequence[str]]) -> None:
        self._passwords = {user: tuple(words) for user, words in passwords.items()}
        self._salt = os.urandom(_SALT_BYTES)
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

    async def scram(self, user: Username) -> ScramSecrets | None:
        """Of the first password, made at the first question; None without such an account."""
        if user not in self._passwords:
            return None
        if user not in self._scram:
            password = prepared(self._passwords[user][0])
            self._scram[user] = await asyncio.to_thread(ScramSecrets.derive, password, self._salt, MIN_ITERATIONS)
        return self._scram[user]


NO_ACCOUNTS = StaticAccounts({})
