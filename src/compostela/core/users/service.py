"""Users and their passwords: the rules on top of the store."""

import asyncio
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from cachetools import LRUCache

from compostela.base.errors import AlreadyExists, InvalidArgument, TemporaryFailure
from compostela.core.domains.service import DomainList
from compostela.core.users.directory import UserDirectory
from compostela.core.users.passwords import algorithm_of, hash_password, verify_password
from compostela.core.users.ports import UserStore
from compostela.core.users.scram import are_outdated, scram_secrets, secrets_of_nobody
from compostela.core.users.settings import UsersSettings
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.scram import ScramSecrets
from compostela.model.username import Username

_log = logging.getLogger(__name__)

HASHING_THREADS = 2
MAX_REMEMBERED_PASSWORDS = 10_000
MAX_PASSWORD_BYTES = 1024
PAGE = 1000


class UsersRepository:
    """Password hashing leaves the event loop, at most two at a time. A password that was right is remembered, keyed by a
    secret of this process over user, stored hash and password, so that it is forgotten when the stored hash changes."""

    def __init__(
        self,
        store: UserStore,
        domains: DomainList,
        settings: UsersSettings,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        directory: UserDirectory | None = None,
    ) -> None:
        self.directory = directory
        """Users outside this server. They cannot be changed here."""
        self._has_local_users = settings.directory is None or settings.directory.local_users
        self._store = store
        self._domains = domains
        self._settings = settings
        self._sleep = sleep
        self._threads = ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="password")
        self._secret = os.urandom(32)
        self._right: LRUCache[bytes, bool] = LRUCache(MAX_REMEMBERED_PASSWORDS)
        self._nobody: str | None = None

    @property
    def virtual_hosting(self) -> bool:
        return self._settings.virtual_hosting

    @property
    def is_read_only(self) -> bool:
        """Whether all users are in a directory that others administer."""
        return not self._has_local_users

    def is_administrator(self, user: Username) -> bool:
        return user in self._settings.administrators

    async def add(self, user: Username, password: str) -> None:
        """Raises `AlreadyExists`, and `InvalidArgument` for a name in the wrong form or of a foreign domain, or if users are in a
        directory."""
        self._check_writable()
        await self._check(user)
        if self.directory is not None and await self.directory.contains(user):
            raise AlreadyExists(f"the user {user} is in the directory")
        await self._store.add(user, await self._hash(password), await self._scram(password))

    async def set_password(self, user: Username, password: str) -> None:
        """Raises `NotFound`, and `InvalidArgument` if users are in a directory."""
        self._check_writable()
        await self._store.set_password_hash(user, await self._hash(password), await self._scram(password))

    async def remove(self, user: Username) -> bool:
        """Raises `InvalidArgument` if users are in a directory."""
        self._check_writable()
        return await self._store.remove(user)

    async def contains(self, user: Username) -> bool:
        """See `UserStore.exists` and `UserDirectory.contains`."""
        if self._has_local_users and await self._store.exists(user):
            return True
        return self.directory is not None and await self.directory.contains(user)

    async def names(self, domain: Domain | None = None) -> AsyncIterator[Username]:
        """Local users page by page (see `UserStore.names`), then those of a directory that are not local too."""
        if self._has_local_users:
            async for user in self._local_names(domain):
                yield user
        if self.directory is None:
            return
        async for batch in self.directory.names(domain):
            for user in batch:
                if not (self._has_local_users and await self._store.exists(user)):
                    yield user

    async def _local_names(self, domain: Domain | None) -> AsyncIterator[Username]:
        page = await self._store.names(domain=domain, limit=PAGE)
        while True:
            for user in page.names:
                yield user
            if page.next_cursor is None:
                return
            page = await self._store.names(domain=domain, cursor=page.next_cursor, limit=PAGE)

    async def verify(self, user: Username, password: str) -> bool:
        """Whether it is the password of this very user."""
        return await self.authenticate(user, password) == user

    async def authenticate(self, name: Username, password: str) -> Username | None:
        """The user whose password it is, None for a wrong one. In a directory the user may have another name than the one at the
        login. An unknown user takes as long as a wrong password."""
        directory = self.directory
        if directory is not None and not (self._has_local_users and await self._store.exists(name)):
            user = await directory.authenticate(name, password)
            if user is None and self._settings.verify_failure_delay_seconds:
                await self._sleep(self._settings.verify_failure_delay_seconds)
            return user
        return name if await self._verify_local(name, password) else None

    async def _verify_local(self, user: Username, password: str) -> bool:
        stored = await self._store.password_hash(user)
        known = stored is not None
        if stored is None:
            stored = await self._hash_of_nobody()
        if len(password.encode()) <= MAX_PASSWORD_BYTES:
            proof = self._proof(user, stored, password)
            if self._right.get(proof):
                return True
            right = await asyncio.get_running_loop().run_in_executor(self._threads, verify_password, password, stored)
            if right and known:
                self._right[proof] = True
                await self._renew(user, password, stored)
                return True
        if self._settings.verify_failure_delay_seconds:
            await self._sleep(self._settings.verify_failure_delay_seconds)
        return False

    async def scram_secrets(self, name: str) -> ScramSecrets:
        """The SCRAM secrets of a user; for one without them, or an unknown name, secrets that no password fits."""
        try:
            user = Username.parse(name)
        except InvalidArgument:
            user = Username(name.lower())
        # a store may still have users from before there was a directory
        stored = await self._store.scram(user) if self._has_local_users else None
        if stored is not None:
            return ScramSecrets.parse(stored)
        return secrets_of_nobody(user, await self._store.secret("scram"))

    def name_of(self, address: MailAddress) -> Username | None:
        """The name that the user of an address would have; None for an address that no user can have."""
        text = str(address) if self._settings.virtual_hosting else address.local_part
        try:
            return Username.parse(text)
        except InvalidArgument:
            return None

    async def user_for(self, address: MailAddress) -> Username | None:
        """The existing user whose mailbox the address names, without any rewriting."""
        user = self.name_of(address)
        if user is None or not await self.contains(user):
            return None
        # a directory may have users of domains that are not ours
        is_named_by_domain = self._settings.virtual_hosting and self.directory is None
        if not is_named_by_domain and not await self._domains.contains(address.domain):
            return None
        return user

    def address_of(self, user: Username) -> MailAddress | None:
        """The user's own address; None for a name that no address can have (a name may be longer, and have dots anywhere)."""
        try:
            return MailAddress.parse(user.value, self._domains.default_domain)
        except InvalidArgument:
            return None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self.directory is not None:
            self.directory.close()

    def _check_writable(self) -> None:
        if self.is_read_only:
            raise InvalidArgument("users are in a directory, which is read-only here: change them there")

    async def _check(self, user: Username) -> None:
        if not self._settings.virtual_hosting:
            if user.domain is not None:
                raise InvalidArgument("virtual hosting is off: a user name has no domain part here")
            return
        if user.domain is None:
            raise InvalidArgument("virtual hosting is on: a user name is user@domain here")
        if not await self._domains.contains(user.domain):
            raise InvalidArgument(f"the domain {user.domain} is not managed by this server: add it first")

    async def _renew(self, user: Username, password: str, stored: str) -> None:
        """Make hash and SCRAM secrets anew if the hash is easier to guess than the setting asks for, or if the secrets are missing or
        have another number of iterations. The password is at hand only at a login. If the disk is full, a later login does it."""
        is_easier = algorithm_of(stored).is_easier_than(self._settings.algorithm)
        if not is_easier and not are_outdated(await self._store.scram(user)):
            return
        fresh = await self._hash(password) if is_easier else stored
        try:
            if await self._store.renew(user, stored, fresh, await self._scram(password)):
                self._right[self._proof(user, fresh, password)] = True
        except TemporaryFailure as error:
            _log.warning("the hash of a password could not be renewed", extra={"user": str(user), "reason": str(error)})

    async def _hash(self, password: str) -> str:
        if not password or len(password.encode()) > MAX_PASSWORD_BYTES:
            raise InvalidArgument(f"a password has 1 to {MAX_PASSWORD_BYTES} octets")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, hash_password, password, self._settings.algorithm)

    async def _scram(self, password: str) -> str:
        loop = asyncio.get_running_loop()
        return str(await loop.run_in_executor(self._threads, scram_secrets, password))

    async def _hash_of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = await self._hash(os.urandom(16).hex())
        return self._nobody

    def _proof(self, user: Username, stored: str, password: str) -> bytes:
        text = f"{user}\x00{stored}\x00{password}".encode()
        return hashlib.blake2b(text, key=self._secret, digest_size=32).digest()
