"""Matchers on the users' entries in the directory (LDAP) that usersrepository.xml names."""

from abc import abstractmethod
from dataclasses import dataclass
from itertools import compress
from urllib.parse import parse_qsl

from cachetools import TTLCache

from compostela.base.concurrency import side_by_side
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.base.units import parse_duration
from compostela.core.mail.model import Mail
from compostela.core.users.directory import UserDirectory
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.processing.mailet import Matcher, MatcherContext, Recipients, whole
from compostela.processing.matchers.conditions import given, number

_DAY = 86400.0
MAX_CACHED = 1_000_000


@dataclass(frozen=True, slots=True)
class _Caching:
    """What follows `?` in a condition: `cacheEnabled=true&cacheDuration=1h&cacheSize=1000`."""

    seconds: float = 0.0
    most: int = 10_000

    @classmethod
    def parse(cls, text: str) -> "_Caching":
        """Raises `InvalidArgument`."""
        options = dict(parse_qsl(text.replace("&amp;", "&"), keep_blank_values=True))
        enabled = options.pop("cacheEnabled", "false").lower()
        seconds = parse_duration(options.pop("cacheDuration", "1 day"), "s")
        most = number(options.pop("cacheSize", "10000"), 1, MAX_CACHED)
        if options or enabled not in ("true", "false"):
            raise InvalidArgument(f"{text!r}: only cacheEnabled (true or false), cacheDuration and cacheSize are known")
        return cls(seconds if enabled == "true" else 0.0, most)


class _OfDirectory(Matcher):
    """A question about one user's entry, whose answers may be cached."""

    def __init__(self, condition: str, settings: Settings, context: MatcherContext) -> None:
        """Raises `InvalidArgument` for a wrong condition and without a directory."""
        super().__init__(condition, settings, context)
        if context.users.directory is None:
            raise InvalidArgument("usersrepository.xml names no directory (LDAP)")
        self.directory: UserDirectory = context.users.directory
        wanted, _, options = given(condition).partition("?")
        caching = _Caching.parse(options)
        # without caching each answer has expired when it comes
        self._answers: TTLCache[Username, bool, float] = TTLCache(
            caching.most, caching.seconds, context.clock.monotonic
        )
        self.read(wanted.strip())

    @abstractmethod
    def read(self, wanted: str) -> None:
        """The condition without what concerns the cache. Raises `InvalidArgument`."""

    @abstractmethod
    async def ask(self, user: Username) -> bool:
        """Whether the user's entry is one of those that match."""

    async def matches(self, address: MailAddress) -> bool:
        user = self.context.users.name_of(address)
        if user is None:
            return False
        known = self._answers.get(user)
        if known is None:
            known = self._answers[user] = await self.ask(user)
        return known

    async def match(self, mail: Mail) -> Recipients:
        return list(compress(mail.recipients, await side_by_side(mail.recipients, self.matches)))


class _OfSender(_OfDirectory):
    """The same question about the sender, for the mail as a whole. A mail without sender does not match."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is not None and await self.matches(mail.sender))


class HasLDAPAttribute(_OfDirectory):
    """Recipients whose entry in the directory has the attribute: `description`, or with this very value: `description:blocked`. With
    `?cacheEnabled=true&cacheDuration=1h&cacheSize=1000` answers are kept; without it each mail asks."""

    def read(self, wanted: str) -> None:
        self._attribute, _, self._value = wanted.partition(":")
        if not self._attribute.replace("-", "").isalnum():
            raise InvalidArgument(f"{self._attribute!r} is no attribute")

    async def ask(self, user: Username) -> bool:
        values = await self.directory.values(user, self._attribute)
        return self._value in values if self._value else bool(values)


class SenderHasLDAPAttribute(_OfSender, HasLDAPAttribute):
    """The sender's entry in the directory has the attribute, see `HasLDAPAttribute`."""


class IsInLDAPGroup(_OfDirectory):
    """Recipients that are members of the group with this distinguished name in the directory. Members are in the attribute of
    `restriction`, else in `member` or `uniqueMember`. The options of `HasLDAPAttribute` keep answers."""

    def read(self, wanted: str) -> None:
        if not wanted:
            raise InvalidArgument("the distinguished name of a group is needed")
        self.directory.check_group(wanted)
        self._group = wanted

    async def ask(self, user: Username) -> bool:
        return await self.directory.is_member(user, self._group)


class SenderIsInLDAPGroup(_OfSender, IsInLDAPGroup):
    """The sender is a member of the group, see `IsInLDAPGroup`."""
