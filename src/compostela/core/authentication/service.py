"""Logins: the same rules for all protocols and mechanisms."""

import enum
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.core.authentication.kerberos import user_of_principal
from compostela.core.authentication.ports import DelegationStore, InvalidToken, TokenVerifier
from compostela.core.authentication.static_accounts import NO_ACCOUNTS, StaticAccounts
from compostela.core.authentication.throttle import Throttle
from compostela.core.users.service import UsersRepository
from compostela.model.scram import ScramSecrets
from compostela.model.username import Username

_log = logging.getLogger(__name__)


class Refusal(enum.Enum):
    """Why a login is refused. Whether a user exists is told only to authenticated clients."""

    WRONG = "Invalid credentials."
    DELEGATION = "Delegation is forbidden."
    NO_TARGET = "User does not exist."
    SHUT_OUT = "Too many failed logins from your address, try again later."
    BINDING = "unsupported-channel-binding-type"
    NO_BINDING = "channel-binding-not-supported"
    BINDING_LOST = "server-does-support-channel-binding"
    """Of SCRAM (RFC 5802 §7)."""


class LoginRefused(CompostelaError):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Client:
    """The client at login: its address, and the server's own settings: administrators, which may act as any user, and accounts that
    only this server has."""

    address: str
    administrators: Collection[Username] = ()
    accounts: StaticAccounts = NO_ACCOUNTS


@dataclass(frozen=True, slots=True)
class Identity:
    """The result of a login: `login` is the authenticated user, `user` the one it acts as. They differ only with a delegation."""

    login: Username
    user: Username


class Authenticator:
    """Each method gives the identity of the client. All raise `LoginRefused`, after the delay that is due, and
    `TemporaryFailure` when nothing could be learnt."""

    def __init__(self, users: UsersRepository, delegations: DelegationStore, throttle: Throttle) -> None:
        self._users = users
        self._delegations = delegations
        self._throttle = throttle

    async def check(self, client: Client) -> None:
        """Whether anybody may log in from there, at each step of an exchange: what it says of a password is no longer said."""
        if await self._throttle.is_shut_out(client.address):
            raise LoginRefused(Refusal.SHUT_OUT)

    async def by_password(self, name: str, password: str, acting_for: str | None, client: Client) -> Identity:
        await self.check(client)
        user = _username(name)
        async with self._throttle.turn(client.address) as has_waited:
            if has_waited:
                await self.check(client)
            found = await self._of_password(user, password, client) if user is not None else None
        if found is None:
            raise await self._failed(client, name, password)
        return await self._acting(found, acting_for, client)

    async def _of_password(self, name: Username, password: str, client: Client) -> Username | None:
        return name if client.accounts.verify(name, password) else await self._users.authenticate(name, password)

    async def by_token(self, verifier: TokenVerifier, token: str, acting_for: str | None, client: Client) -> Identity:
        await self.check(client)
        try:
            user = await verifier.verify(token)
        except InvalidToken as error:
            _log.info("an access token is refused", extra={"ip": client.address, "problem": str(error)})
            raise await self._failed(client, acting_for or "", token) from error
        if not await self._users.contains(user):
            raise await self._failed(client, user.value, token)
        return await self._acting(user, acting_for, client)

    async def by_certificate(self, names: Sequence[str], acting_for: str | None, client: Client) -> Identity:
        """`names` are those that the checked certificate bears; the first that is a user's counts."""
        await self.check(client)
        for name in names:
            user = _username(name)
            if user is not None and await self._users.contains(user):
                return await self._acting(user, acting_for, client)
        raise await self._failed(client, names[0] if names else "", "certificate")

    async def by_principal(self, principal: str, own_realm: str, acting_for: str | None, client: Client) -> Identity:
        """Log in with a Kerberos ticket for a service of `own_realm`. An `acting_for` without a domain has the domain of the login."""
        await self.check(client)
        user = user_of_principal(principal, own_realm, virtual_hosting=self._users.virtual_hosting)
        if user is None or not await self._exists(user, client):
            raise await self._failed(client, principal, "ticket")
        if acting_for and "@" not in acting_for and user.domain is not None:
            acting_for = f"{acting_for}@{user.domain}"
        return await self._acting(user, acting_for, client)

    async def scram_secrets(self, name: str, client: Client) -> ScramSecrets:
        """For an exchange that proves the password itself; plausible ones for a user that there is not."""
        await self.check(client)
        user = _username(name)
        secrets = await self._users.scram_secrets(name)
        own = await client.accounts.scram(user, secrets) if user is not None else None
        return own or secrets

    async def proved(self, name: str, acting_for: str | None, client: Client) -> Identity:
        """After such an exchange."""
        await self.check(client)
        user = _username(name)
        if user is None or not await self._exists(user, client):
            raise await self._failed(client, name, "")
        return await self._acting(user, acting_for, client)

    async def disproved(self, name: str, proof: str, reason: str, client: Client) -> LoginRefused:
        """After one that failed: what to raise."""
        if reason:
            _log.info("a login cannot be checked further", extra={"ip": client.address, "problem": reason})
        return await self._failed(client, name, proof)

    async def _exists(self, user: Username, client: Client) -> bool:
        return user in client.accounts or await self._users.contains(user)

    async def _failed(self, client: Client, name: str, attempt: str) -> LoginRefused:
        _log.info("login failed", extra={"ip": client.address, "user": name[:255]})
        if await self._throttle.is_shut_out(client.address):
            # since the check began: a right password is told the same
            return LoginRefused(Refusal.SHUT_OUT)
        user = _username(name)
        await self._throttle.failed(client.address, user.value if user is not None else name, attempt)
        return LoginRefused(Refusal.WRONG)

    async def _acting(self, user: Username, acting_for: str | None, client: Client) -> Identity:
        """The user acts as the target of a delegation (authzid), or as himself."""
        await self.check(client)
        await self._throttle.succeeded(user.value)
        target = user if not acting_for else _username(acting_for)
        if target == user:
            return Identity(user, user)
        if target is None or not await self._users.contains(target):
            raise LoginRefused(Refusal.NO_TARGET)
        if (
            user in client.administrators
            or self._users.is_administrator(user)
            or user in await self._delegations.delegates(target)
        ):
            _log.info("a user acts for another", extra={"user": str(user), "for": str(target), "ip": client.address})
            return Identity(user, target)
        raise LoginRefused(Refusal.DELEGATION)


def _username(text: str) -> Username | None:
    try:
        return Username.parse(text)
    except InvalidArgument:
        return None
