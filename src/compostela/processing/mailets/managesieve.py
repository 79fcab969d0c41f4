"""ManageSieveMailet: users edit their Sieve scripts by mail. The command is the subject, a script is an attachment."""

import asyncio
import base64
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from compostela.base.declarations import Boolean, Text
from compostela.base.declared import read
from compostela.base.errors import AlreadyExists, CompostelaError, InvalidArgument, NotFound, TemporaryFailure
from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.attributes import SMTP_AUTH_USER
from compostela.core.mail.model import GHOST, Mail
from compostela.core.queue.model import SPOOL
from compostela.core.sieve.lists import SCHEMES
from compostela.core.sieve.model import (
    InvalidScript,
    ScriptIsActive,
    ScriptProblem,
    ScriptSpaceExceeded,
    TooManyScripts,
)
from compostela.mime.automatic import is_personal
from compostela.mime.builder import BuiltPart, multipart, singlepart, text_part
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.mime.parameters import get
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.mime.text import decoded_octets
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.processing.delivery_reports import is_international, notice, notice_headers
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.managesieve_help import HELP
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.retries import with_retries
from compostela.protocols.managesieve import commands, responses
from compostela.protocols.managesieve.grammar import parse
from compostela.protocols.managesieve.lexer import Atom, String, Token, tokenise
from compostela.sieve.capabilities import CAPABILITIES, NOTIFY_METHODS

_log = logging.getLogger(__name__)

MAX_SUBJECT = 4096
"""Octets of a command."""
MAX_MESSAGE = 262_144
"""Octets of a mail with a command, beside twice the largest script."""
MAX_HELP = 65_536
"""Octets of a help text."""
MEDIA_TYPE = b"application/sieve"
SUFFIXES = (".sieve", ".siv")
_WITH_SCRIPT = (b"PUTSCRIPT", b"CHECKSCRIPT")
_CODES: tuple[tuple[type[CompostelaError], bytes], ...] = (
    (NotFound, responses.NONEXISTENT),
    (AlreadyExists, responses.ALREADYEXISTS),
    (ScriptIsActive, responses.ACTIVE),
    (ScriptSpaceExceeded, responses.MAXSIZE),
    (TooManyScripts, responses.MAXSCRIPTS),
    (TemporaryFailure, responses.TRYLATER),
    (InvalidArgument, b""),
)
"""RFC 5804 §1.3. The first that fits counts."""


@dataclass(frozen=True, slots=True)
class _Script:
    """To be attached to an answer."""

    name: str
    text: bytes

    def part(self) -> BuiltPart:
        name = quote(f"{self.name}.sieve", safe="")
        headers = (
            ("Content-Type", "application/sieve; charset=utf-8"),
            ("Content-Disposition", f"attachment; filename*=utf-8''{name}"),
            ("Content-Transfer-Encoding", "base64"),
        )
        return BuiltPart(headers, base64.encodebytes(self.text).replace(b"\n", b"\r\n"))


@dataclass(frozen=True, slots=True)
class ManageSieveMailetSettings:
    """Parameters of `ManageSieveMailet`."""

    help_url: Annotated[str, Text("helpURL")] = ""
    """File with the answer to HELP, as `file://conf/help.txt`; by default a text of the server."""
    caches: Annotated[bool, Boolean("cache")] = True
    """Whether that file is read once, at start; else each time."""


class ManageSieveMailet(Mailet):
    """Carries out a command of ManageSieve (RFC 5804) for the user that sent the mail, and answers by mail. The subject is the
    command, as `PUTSCRIPT "main"`; the script is the first attachment of type application/sieve or with a name that ends in
    `.sieve` or `.siv`. HELP sends a text; GETACTIVE sends the active script.

    Only mail whose sender has logged in, and is that user, is a command; it ends here. Other mail goes on. If the server is killed
    between a command and its answer, the command is carried out again."""

    parameters = ManageSieveMailetSettings
    acts_outside = True

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(ManageSieveMailetSettings, settings)
        self._help_url = made.help_url
        self._cached = ""
        if made.caches and made.help_url:
            try:
                self._cached = self._read_help()
            except (OSError, ValueError, InvalidArgument) as error:
                settings.error(f"the help text cannot be read: {error}", "helpURL")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        sender, user = mail.sender, await self._user(mail)
        if sender is None or user is None:
            return
        subject = decode((Headers(mail.content.header).get(b"Subject") or b"")[:MAX_SUBJECT]).strip()
        text, script = await self._answer(mail, user, subject)
        effect = run.effect("managesieve", mail.recipients[0])
        content = self._content(mail, sender, text, script)
        answer = notice(mail, sender, content, self.context.clock.now(), effect)
        await self.context.queues.queue(SPOOL).enqueue(answer, effect=effect)
        _log.info("managesieve command by mail", extra={"mail": mail.name, "user": str(user), "command": subject[:80]})
        mail.state = GHOST

    async def _user(self, mail: Mail) -> Username | None:
        """The user whose scripts the mail is about; None if it is no command."""
        name = mail.attributes.get(SMTP_AUTH_USER)
        if not isinstance(name, str) or mail.sender is None or not is_personal(mail.content.header):
            return None
        user = Username.parse(name)
        own = await self.context.rewriting.addresses_of(user)
        if mail.sender not in own and await self.context.users.user_for(mail.sender) != user:
            _log.warning("a command by mail has the sender of another user", extra={"mail": mail.name, "user": name})
            return None
        return user

    async def _answer(self, mail: Mail, user: Username, subject: str) -> tuple[bytes, "_Script | None"]:
        """The response of ManageSieve, and the script that goes with it."""
        try:
            tokens = tokenise(subject.encode("utf-8", "replace"))
            if tokens and isinstance(tokens[0], Atom) and tokens[0].octets.upper() in _WITH_SCRIPT:
                tokens.append(String(await self._attached(mail)))
            return await with_retries(lambda: self._done(user, tokens))
        except InvalidScript as wrong:
            return responses.no(f"Syntax Error: {wrong}"), None
        except CompostelaError as error:
            for kind, code in _CODES:
                if isinstance(error, kind):
                    return responses.no(str(error), code), None
            raise

    async def _done(self, user: Username, tokens: list[Token]) -> tuple[bytes, "_Script | None"]:
        scripts = self.context.sieve.service
        match tokens:
            case [Atom(verb)] if verb.upper() == b"HELP":
                return (await asyncio.to_thread(self._help)).encode(), None
            case [Atom(verb)] if verb.upper() == b"GETACTIVE":
                active = await self.context.sieve.scripts.active(user)
                if active is None:
                    return responses.no("No script is active", responses.NONEXISTENT), None
                return responses.ok(), _Script(active.name, active.text)
        match parse(tokens):
            case commands.Capability():
                return self._capabilities(user) + responses.ok(), None
            case commands.Noop():
                pass
            case commands.HaveSpace(name, size):
                if size > self.context.sieve.engine.limits.script_octets:
                    raise ScriptSpaceExceeded("the script is too large")
                await scripts.check_space(user, name, size)
            case commands.PutScript(name, octets):
                return _with_warnings(await scripts.put(user, name, octets)), None
            case commands.CheckScript(octets):
                return _with_warnings(await scripts.check(octets)), None
            case commands.ListScripts():
                found = await scripts.scripts(user)
                return responses.listing((one.name, one.is_active) for one in found) + responses.ok(), None
            case commands.SetActive(active_name):
                await scripts.activate(user, active_name)
            case commands.GetScript(name):
                return responses.ok(), _Script(name, await scripts.text(user, name))
            case commands.DeleteScript(name):
                await scripts.delete(user, name)
            case commands.RenameScript(name, new):
                await scripts.rename(user, name, new)
            case _:
                return responses.no("This command has no meaning by mail"), None
        return responses.ok(), None

    def _capabilities(self, user: Username) -> bytes:
        return bytes(
            responses.Capabilities(
                implementation=responses.IMPLEMENTATION,
                sieve=sorted(CAPABILITIES),
                owner=str(user),
                max_redirects=self.context.sieve.engine.limits.redirects,
                notify=NOTIFY_METHODS,
                lists=SCHEMES,
            )
        )

    async def _attached(self, mail: Mail) -> bytes:
        """The script of a mail. Raises `InvalidArgument` and `ScriptSpaceExceeded`."""
        largest = self.context.sieve.engine.limits.script_octets
        if mail.size > 2 * largest + MAX_MESSAGE:
            raise ScriptSpaceExceeded("the mail is too large")
        body = await mail.content.body.read()
        octets = await asyncio.to_thread(_script_in, mail.content.header, body)
        if octets is None:
            raise InvalidArgument("The mail has no script: attach one of type application/sieve, or name it *.sieve")
        if len(octets) > largest:
            raise ScriptSpaceExceeded("The script is too large")
        return octets

    def _content(self, mail: Mail, to: MailAddress, text: bytes, script: "_Script | None") -> MessageContent:
        headers = notice_headers(mail, to, mail.recipients[0], "Re:", self.context.hello_name, self.context.clock.now())
        utf8 = is_international(mail)
        part = text_part(text.decode("utf-8", "replace"))
        if script is None:
            header, body = singlepart(headers, part, utf8=utf8)
        else:
            header, body = multipart(headers, "mixed", [part, script.part()], utf8=utf8)
        return MessageContent(header, MemoryBody(body))

    def _help(self) -> str:
        if self._cached or not self._help_url:
            return self._cached or HELP
        try:
            return self._read_help()
        except (OSError, ValueError, InvalidArgument):
            _log.exception("the help text cannot be read")
            return HELP

    def _read_help(self) -> str:
        with self.context.resolve(self._help_url).open("rb") as file:
            return file.read(MAX_HELP).decode()


def _with_warnings(warnings: Iterable[ScriptProblem]) -> bytes:
    text = "\r\n".join(map(str, warnings))
    return responses.ok(text, responses.WARNINGS if text else b"")


def _script_in(header: bytes, body: bytes) -> bytes | None:
    """The first script among the parts of a message."""
    for part in _leaves(describe(header, body).root):
        raw = get(part.disposition_parameters, b"filename") or get(part.parameters, b"name") or b""
        if part.type + b"/" + part.subtype == MEDIA_TYPE or decode(raw).lower().endswith(SUFFIXES):
            return decoded_octets(body[part.body[0] : part.body[1]], part.encoding)
    return None


def _leaves(part: Part) -> Iterator[Part]:
    if not part.is_multipart:
        yield part
    else:
        for child in part.children:
            yield from _leaves(child)
