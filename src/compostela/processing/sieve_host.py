"""What a running script may ask: answered from the stores, from the thread on which the script runs."""

import asyncio
import hashlib
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from compostela.base.errors import InvalidArgument, NotFound, TemporaryFailure
from compostela.core.mail.model import Mail
from compostela.core.mailbox.special_uses import SPECIAL_USES, mailbox_of_use
from compostela.core.sieve.lists import ADDRESS_BOOK, normal_list_name, normal_member
from compostela.core.sieve.model import ScriptName
from compostela.mime.scanner import describe
from compostela.mime.structure import Structure
from compostela.model.mailbox_path import DELIMITER, INBOX, MailboxPath
from compostela.model.username import Username
from compostela.processing.mailet import MailetContext
from compostela.processing.pipeline_run import PipelineRun
from compostela.sieve.host import SpamVerdict
from compostela.sieve.program import Program

T = TypeVar("T")

ANSWER_SECONDS = 30.0
"""How long a script waits for one answer of a store."""
DUPLICATE = b"duplicate:"
ADMIN = "/shared/admin"
"""The server's annotation that names its administrator (RFC 5464 §6.2.1)."""
SPECIAL_USE = "/private/specialuse"
"""The annotation of a mailbox with its special use (RFC 6154 §4)."""


def mailbox_path(user: Username, name: str) -> MailboxPath:
    """The mailbox that a script names. Levels are divided by `/` or `.`; a leading `INBOX.` is dropped, as James does."""
    name = name.replace("/", DELIMITER)
    first, _, rest = name.partition(DELIMITER)
    return MailboxPath.personal(user, rest if rest and first.upper() == INBOX else name)


def mark_of(prefix: bytes, *parts: str) -> bytes:
    """The key of a mark: short, whatever the script says."""
    return prefix + hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


class Answers:
    """Lets the script's thread wait for the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def of(self, question: Coroutine[Any, Any, T]) -> T:
        """Raises `TemporaryFailure` after `ANSWER_SECONDS`."""
        answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return answer.result(ANSWER_SECONDS)
        except TimeoutError as error:
            answer.cancel()
            raise TemporaryFailure("the store did not answer a Sieve script in time") from error


class MailOfScript:
    """The message of a script; the body is read only if the script looks at it."""

    def __init__(self, mail: Mail, answers: Answers) -> None:
        self._content = mail.content
        self._answers = answers
        self._body: bytes | None = None
        self._structure: Structure | None = None

    @property
    def header(self) -> bytes:
        return self._content.header

    @property
    def size(self) -> int:
        return self._content.size

    def body(self) -> bytes:
        if self._body is None:
            self._body = self._answers.of(self._content.body.read())
        return self._body

    def structure(self) -> Structure:
        if self._structure is None:
            self._structure = describe(self.header, self.body())
        return self._structure


@dataclass(frozen=True, slots=True)
class StoreHost:
    """See `SieveHost`. Verdicts of filters and the presence of people are not known to this server yet."""

    context: MailetContext
    user: Username
    mail: Mail
    run: PipelineRun
    answers: Answers

    def own_addresses(self) -> Collection[str]:
        return [str(one) for one in self.answers.of(self.context.rewriting.addresses_of(self.user))]

    def mailbox_exists(self, mailbox: str) -> bool:
        return self._name_of(mailbox) is not None

    def _name_of(self, mailbox: str) -> str | None:
        """The whole name of a mailbox that exists."""
        try:
            path = mailbox_path(self.user, mailbox)
            self.answers.of(self.context.mailboxes.find(path))
        except (NotFound, InvalidArgument):
            return INBOX if mailbox.upper() == INBOX else None
        return path.name

    def special_use_exists(self, mailbox: str | None, attribute: str) -> bool:
        name = mailbox_of_use(attribute)
        if name is None:
            return False
        return self._name_of(name) is not None if mailbox is None else self._name_of(mailbox) == name

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        """There is no store of annotations: those exist that follow from something else."""
        if mailbox is None:
            return f"mailto:{self.context.postmaster}" if annotation.lower() == ADMIN else None
        name = self._name_of(mailbox) if annotation.lower() == SPECIAL_USE else None
        return None if name is None else SPECIAL_USES.get(name)

    def list_exists(self, list_name: str) -> bool:
        name = normal_list_name(list_name)
        if name == ADDRESS_BOOK:
            return True
        try:
            self.answers.of(self.context.sieve.lists.seen_by(self.user, name))
        except NotFound:
            return False
        return True

    def list_contains(self, list_name: str, value: str) -> bool:
        return self.answers.of(self._contains(normal_list_name(list_name), normal_member(value)))

    async def _contains(self, name: str, member: str) -> bool:
        lists = self.context.sieve.lists
        try:
            return await lists.contains(await lists.seen_by(self.user, name), name, member)
        except NotFound:
            return False

    def is_duplicate(self, key: str) -> bool:
        now, mark = self.context.clock.now(), mark_of(DUPLICATE, key)
        return self.answers.of(self.context.sieve.marks.is_marked(self.user, mark, self.run.entry, now))

    def script(self, name: str, is_global: bool) -> Program | None:
        sieve, key = self.context.sieve, ScriptName(name)
        stored = self.answers.of(
            sieve.global_scripts.script(key) if is_global else sieve.scripts.script(self.user, key)
        )
        return None if stored is None else sieve.engine.program_of(stored)

    def environment(self, item: str) -> str | None:
        return {
            "domain": self.context.hello_name.partition(".")[2],
            "host": self.context.hello_name,
            "location": "MDA",
            "name": "Compostela",
            "phase": "during",
            "remote-host": self.mail.remote_host,
            "remote-ip": self.mail.remote_address,
        }.get(item)

    def spam_verdict(self) -> SpamVerdict:
        return SpamVerdict()

    def notify_online(self, method: str) -> bool | None:
        return None
