"""An IMAP session: its connection on one side, engine and commands on the other.

A session that waits has no task: one is made when octets arrive and ends when they are dealt with. During IDLE a watch on
the mailbox wakes it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from compostela.base.errors import StorageFull, TemporaryFailure
from compostela.base.log import trace_id
from compostela.base.metrics import counter
from compostela.model.username import Username
from compostela.net import greeting
from compostela.net.connection import Connection
from compostela.net.gathered_replies import GatheredReplies
from compostela.net.imap.dispatch import execute, require
from compostela.net.imap.mailbox_commands import path_of, target_of
from compostela.net.imap.refusals import refusal
from compostela.net.imap.reply import Refused, ResponseCut, Then, mailboxes_of, user_of
from compostela.net.imap.selecting import is_fresh, leave, tell_changes
from compostela.net.imap.server import ImapServer, ImapState
from compostela.net.incoming_message import IncomingMessage
from compostela.net.session import CloseReason, Session
from compostela.net.tls.channel import TlsChannel
from compostela.protocols.imap import commands
from compostela.protocols.imap.engine import (
    AppendData,
    AppendEnded,
    AppendStarted,
    Continue,
    Event,
    Faulty,
    ImapEngine,
    Line,
    LineTooLong,
    Received,
)
from compostela.protocols.imap.responses import CONTINUE, completed, tagged, untagged
from compostela.protocols.imap.state import is_allowed

_log = logging.getLogger(__name__)

MAX_FAULTS = 9
MAX_LOGIN_FAILURES = 3
FIRST_IDLE_RETRY_SECONDS = 1.0
"""After a first failure to read what changed in the mailbox of an idle session."""
LAST_IDLE_RETRY_SECONDS = 60.0
"""At most so long between two such attempts."""
_BURIES_EXISTS = frozenset({"FETCH", "UID FETCH", "STORE", "UID STORE", "SEARCH", "UID SEARCH"})
"""Thunderbird ignores an EXISTS that comes within these."""
_KEEPS_NUMBERS = frozenset({"FETCH", "STORE", "SEARCH"})
"""No EXPUNGE is told after these (RFC 3501 §7.4.1)."""
_OF_CONNECTION = frozenset({"LOGOUT", "STARTTLS", "CAPABILITY", "IDLE"})
"""The session answers these by itself."""
_ALWAYS_LOOK = frozenset({"NOOP", "CHECK", "IDLE"})
"""What others did is told after these even if no hint came: a client asks for it."""
SHUTTING_DOWN = "BYE Server is shutting down."
MAILBOX_DELETED = "BYE Selected mailbox has been deleted"
"""By another session: IMAP has no other way to tell it (RFC 2180 §3.3); clients connect again."""
_FAREWELLS = {
    CloseReason.SILENCE: "BYE Autologout; idle for too long.",
    CloseReason.REMOVED: "BYE The account is removed.",
    CloseReason.DISCONNECTED: "BYE An administrator ends the connection.",
}

_commands = counter("imapCommands", "IMAP commands")


class ImapSession(Session):
    """One client's dialogue; also what commands work with (`Context`)."""

    protocol = "IMAP"
    log = logging.getLogger("compostela.net.imap")

    __slots__ = (
        "_append", "_connection", "_engine", "_faults", "_has_ended", "_idle_retry", "_idle_retry_seconds", "_idle_tag", "_idle_told_at", "_is_told", "_line_taker", "_message", "_tag", "_woken",
        "out", "server", "state", "tls",
    )  # fmt: skip

    def __init__(self, server: ImapServer, connection: Connection, tls: bool) -> None:
        self._connection = connection
        self.out = GatheredReplies(connection)
        self._engine = connection.reader = ImapEngine(server.settings.max_line_bytes)
        self.server = server
        self.state = ImapState()
        self.tls = tls
        self._append: AppendStarted | None = None
        self._message: IncomingMessage | None = None
        self._line_taker: Callable[[bytes], Coroutine[None, None, None]] | None = None
        self._tag = b"*"  # of the command that runs
        self._idle_tag: bytes | None = None
        self._idle_told_at = 0.0
        self._idle_retry: asyncio.TimerHandle | None = None
        self._idle_retry_seconds = 0.0
        self._woken = False
        self._is_told = False  # whether the log tells of every command of this round of work
        self._faults = 0
        self._has_ended = False

    # what the connection asks

    def begin(self) -> None:
        self.state.address = self._connection.address
        if self.tls:
            self._note_tls()
        if self._connection.admit(untagged("BYE Too many connections.")):
            greeting.begin(self._connection, self, self.server.bans)

    def greet(self) -> None:
        """See `Greeter`."""
        name = self.server.settings.server.hello_name
        text = f"OK [CAPABILITY {self._capabilities()}] Compostela IMAP4rev1 Server {name} is ready."
        self._connection.write(untagged(text))

    def turn_away(self) -> None:
        """See `Greeter`."""
        self._close("BYE Your address is banned.")

    def lost(self) -> None:
        self._end_idle()
        # it knows the session: as a cycle both would stay in memory until the collector comes by
        self._line_taker = None
        if self._connection.running is None:
            self._discard_message()
            if self.state.view is not None:
                self._connection.start(leave(self))

    def _discard_message(self) -> None:
        if self._message is not None:
            self._message.discard()

    def has_work(self) -> bool:
        return self._append is not None

    def half_closed(self) -> bool:
        """A client that has no more to say and waits for its answers gets them. TLS has no such half of an end."""
        self._has_ended = self._connection.running is not None and not self.tls
        return self._has_ended

    def is_short(self) -> bool:
        # the answer to an AUTHENTICATE challenge may look like a command
        is_command = self._line_taker is None or self._idle_tag is not None
        return is_command and self._engine.is_at_short_command

    @property
    def login(self) -> Username | None:
        return self.state.user

    @property
    def details(self) -> dict[str, str]:
        view, user = self.state.view, self.state.user
        return {
            "loggedInUser": "" if user is None else user.value,
            "isCompressed": "false",
            "selectedMailbox": "" if view is None else view.mailbox.path.name,
            "isIdling": str(self._idle_tag is not None).lower(),
        }

    def announce_close(self, reason: CloseReason) -> None:
        self._discard_message()
        self._close(_FAREWELLS.get(reason, SHUTTING_DOWN))

    def look_at_time(self, now: float) -> None:
        interval = self.server.settings.idle_interval_seconds
        is_waiting = self._idle_tag is not None and self._connection.running is None
        if is_waiting and interval and now - self._idle_told_at >= interval:
            self._idle_told_at = now
            self._connection.write(untagged("OK Still here"))

    # work

    async def work(self) -> None:
        connection, out = self._connection, self.out
        trace_id.set(connection.id)
        self._is_told = connection.is_told
        out.begin_slice()
        try:
            while not connection.is_closing:
                event = self._engine.next_event()
                if event is None:
                    if self._woken and self._idle_tag is not None:
                        await self._tell_idler()
                        continue
                    break
                if isinstance(event, Received):
                    await self._command(event)
                else:
                    await self._handle(event)
                if connection.note_event():
                    out.flush()
                    await connection.take_turn()
                    out.begin_slice()
                if connection.writable is not None:
                    await out.drain()
            if connection.is_ending and not self.has_work():
                self._close(SHUTTING_DOWN)
            if self._has_ended:
                connection.note_end("the client has no more to say")
                self._close("")
            out.flush()
            connection.read_on()
        except Exception:
            _log.exception("unexpected error in an IMAP session")
            self._close("BYE Internal error.")
        finally:
            connection.rest()
            if connection.is_closing:
                self._discard_message()
                await leave(self)

    async def _handle(self, event: Event) -> None:
        match event:
            case AppendStarted():
                if self._is_told:
                    self._connection.tell("command", tag=event.tag.decode(), command=f"APPEND {event.command!r}")
                await self._start_append(event)
            case AppendData(octets):
                if self._message is not None:
                    self._message.write(octets)
            case AppendEnded(fault):
                await self._end_append(fault)
            case Continue():
                self.out.write(CONTINUE)
            case Line(octets):
                taker, self._line_taker = self._line_taker, None
                assert taker is not None
                await taker(octets)
            case LineTooLong(tag):
                self.out.write(tagged(tag, "BAD", "failed. Maximum command line length exceeded", "TOOBIG"))
                self._close("BYE Command line is too long.")
            case Faulty():
                self._faulty(event)

    def _faulty(self, fault: Faulty) -> None:
        self._faults += 1
        if fault.bad_charset:
            self.out.write(
                tagged(fault.tag, "NO", f"{fault.name} failed. Unknown charset.", "BADCHARSET (US-ASCII UTF-8)")
            )
        elif fault.unknown:
            self.out.write(tagged(fault.tag, "BAD", f"failed. {fault.text}"))
        else:
            self.out.write(tagged(fault.tag, "BAD", f"{fault.name} failed. {fault.text}".lstrip()))
        # no more of it: a client whose AUTHENTICATE was refused may go on with its credentials
        self._connection.tell("command refused", faults=self._faults)
        if self._faults > MAX_FAULTS:
            self._close("BYE Too many unknown commands.")

    async def _command(self, event: Received) -> None:
        tag, name, command = event.tag, event.name, event.command
        _commands.inc()
        self._faults = 0
        if self._is_told:
            shown = "" if isinstance(command, commands.Simple) else f" {command!r}"
            self._connection.tell("command", tag=tag.decode(), command=f"{name}{shown}")
        if name in _OF_CONNECTION and is_allowed(name, self.state.reached):
            await self._of_connection(tag, name)
        else:
            await self._run(tag, name, execute(self, name, command))

    async def _of_connection(self, tag: bytes, name: str) -> None:
        match name:
            case "LOGOUT":
                self.out.write(untagged("BYE IMAP4rev1 Server logging out"))
                self._answer(completed(tag, "LOGOUT"))
                self.out.flush()
                self._connection.note_end("LOGOUT")
                self._close("")
            case "STARTTLS":
                await self._starttls(tag)
            case "CAPABILITY":
                self.out.write(untagged(f"CAPABILITY {self._capabilities()}"))
                self._answer(completed(tag, "CAPABILITY"))
            case _:
                self._start_idle(tag)

    @property
    def tls_channel(self) -> TlsChannel | None:
        """See `Context`."""
        return self._connection.tls_channel

    def ask(self, challenge: bytes, then: Then) -> None:
        """See `Context`."""
        tag = self._tag

        async def take(line: bytes) -> None:
            await self._run(tag, "AUTHENTICATE", then(line))

        self._line_taker = take
        self._engine.expect_line()
        self.out.write(b"+ %b\r\n" % challenge)

    async def _run(self, tag: bytes, name: str, work: Coroutine[None, None, str | None]) -> None:
        """Runs a command and writes its tagged end; None from `work`: the command goes on."""
        state = self.state
        was_logged_in = state.user is not None
        self._tag = tag
        try:
            code = await work
        except ResponseCut:
            _log.exception("a response could not be ended; the connection is aborted", extra={"command": name})
            self._abort()
        except Exception as error:
            self._refuse(tag, name, error)
        else:
            if code is None:
                return
            if not was_logged_in and state.user is not None:
                self._connection.account = state.user
                self._engine.logged_in()
                code = f"CAPABILITY {self._capabilities()}"
            if state.view is None or (
                name not in _ALWAYS_LOOK and is_fresh(self, may_expunge=name not in _KEEPS_NUMBERS)
            ):
                self._answer(completed(tag, name, code))
            else:
                await self._succeed(tag, name, code)

    async def _succeed(self, tag: bytes, name: str, code: str) -> None:
        """Tells what is new. What the command did is done, whatever becomes of the reading: the answer is OK."""
        farewell = ""
        try:
            if not await tell_changes(self, may_expunge=name not in _KEEPS_NUMBERS, buried=name in _BURIES_EXISTS):
                farewell = MAILBOX_DELETED
        except TemporaryFailure:
            _log.exception("a mailbox's changes could not be read; a later command tells them", extra={"command": name})
        except Exception:
            # the session may have been told of some changes and not of others
            _log.exception("unexpected error after a command", extra={"command": name})
            farewell = "BYE Internal error."
        if name == "NOOP":
            self.state.repeats_exists = False
        self._answer(completed(tag, name, code))
        if farewell:
            self._close(farewell)

    def _refuse(self, tag: bytes, name: str, error: Exception) -> None:
        self._answer(refusal(tag, name, error))
        is_refused = isinstance(error, Refused)
        if is_refused and self.state.login_failures >= MAX_LOGIN_FAILURES and self.state.user is None:
            self._close("BYE Login failed too many times.")

    def _answer(self, reply: bytes) -> None:
        self.out.write(reply)
        if self._is_told:
            self._connection.tell_reply(reply)

    def _capabilities(self) -> str:
        return self.server.capabilities(
            tls=self.tls, logged_in=self.state.user is not None, bound=self.state.bound_mechanisms
        )

    # APPEND

    async def _start_append(self, event: AppendStarted) -> None:
        try:
            await self._check_append(event.command)
        except Exception as error:
            self._refuse(event.tag, "APPEND", error)
            self._engine.refuse_append(sent=not event.waits)
            return
        self._append = event
        self._message = IncomingMessage(self.server.blobs, self.server.settings.max_literal_bytes)
        if event.waits:
            self.out.write(CONTINUE)

    async def _check_append(self, command: commands.Append) -> None:
        require(self.state, "APPEND")
        limit = self.server.settings.max_literal_bytes
        if limit and command.size > limit:
            raise Refused("Literal size exceeded.", "TOOBIG")
        mailbox = await target_of(self, path_of(user_of(self.state), command.mailbox))
        await mailboxes_of(self.state).check_append(mailbox, command.flags, command.size)
        self.server.blobs.check_room(command.size)

    async def _end_append(self, fault: str) -> None:
        event, message = self._append, self._message
        self._append = self._message = None
        if event is None or message is None:
            return
        if fault:
            message.discard()
            self.out.write(tagged(event.tag, "BAD", f"APPEND failed. {fault}"))
            return
        await self._run(event.tag, "APPEND", self._store_appended(event.command, message))

    async def _store_appended(self, command: commands.Append, message: IncomingMessage) -> str:
        if message.storage_full:
            raise StorageFull("the disk is full")
        if message.too_large or message.header_too_large:
            raise Refused("Literal size exceeded.", "TOOBIG")
        mailboxes = mailboxes_of(self.state)
        mailbox = await mailboxes.find(path_of(user_of(self.state), command.mailbox))
        content = await message.finish()
        placed = await mailboxes.append(mailbox, content, command.flags, command.date)
        return f"APPENDUID {mailbox.uid_validity} {placed.uid}"

    # IDLE

    def _start_idle(self, tag: bytes) -> None:
        view = self.state.view
        if view is not None:
            view.on_hint(self._wake)
            self._woken = True
        self._idle_tag = tag
        self._idle_told_at = asyncio.get_running_loop().time()
        self._line_taker = self._idle_line
        self._engine.expect_line()
        self.out.write(b"+ Idling\r\n")
        if view is not None and self.state.repeats_exists:
            self.state.repeats_exists = False
            self.out.write(untagged(f"{view.exists} EXISTS"))

    def _wake(self) -> None:
        self._woken = True
        self._connection.wake()

    async def _tell_idler(self) -> None:
        self._woken = False
        try:
            if not await tell_changes(self, may_expunge=True):
                self._close(MAILBOX_DELETED)
        except TemporaryFailure:
            self._tell_idler_later()
        else:
            self._idle_retry_seconds = 0.0
        self.out.flush()

    def _tell_idler_later(self) -> None:
        """The session stays, and reads again after a while that doubles with each failure."""
        longer = max(2 * self._idle_retry_seconds, FIRST_IDLE_RETRY_SECONDS)
        self._idle_retry_seconds = min(longer, LAST_IDLE_RETRY_SECONDS)
        _log.exception(
            "an idle mailbox's changes could not be read; trying again",
            extra={"retry_seconds": self._idle_retry_seconds},
        )
        if self._idle_retry is not None:
            self._idle_retry.cancel()
        self._idle_retry = asyncio.get_running_loop().call_later(self._idle_retry_seconds, self._wake)

    async def _idle_line(self, line: bytes) -> None:
        tag = self._idle_tag or b"*"
        self._end_idle()
        if line.strip().upper() != b"DONE":
            self.out.write(tagged(tag, "BAD", "IDLE failed. Illegal arguments."))
            return

        async def nothing() -> str:
            return ""

        await self._run(tag, "IDLE", nothing())

    def _end_idle(self) -> None:
        self._idle_tag = None
        self._woken = False
        self._idle_retry_seconds = 0.0
        if self._idle_retry is not None:
            self._idle_retry.cancel()
            self._idle_retry = None
        if self.state.view is not None:
            self.state.view.on_hint(None)

    # TLS

    async def _starttls(self, tag: bytes) -> None:
        context = self._connection.listener.context
        is_offered = not self.tls and self.server.settings.server.tls.starttls
        if context is None or not is_offered:
            self.out.write(tagged(tag, "NO", "STARTTLS failed. Command not valid in this state."))
            return
        if self._engine.buffered:
            self._close("BYE STARTTLS must be the last command before the handshake.")
            return
        self.out.flush()
        if await self._connection.start_tls(context, tagged(tag, "OK", "STARTTLS Begin TLS negotiation now.")):
            self.tls = True
            self._note_tls()

    def _note_tls(self) -> None:
        self.state.bound_mechanisms = self.server.logins.settings.bound_to(self._connection.tls_channel)

    def _abort(self) -> None:
        """Ends the connection without another octet."""
        self.out.drop()
        self._connection.abort("a response could not be ended")

    def _close(self, farewell: str) -> None:
        if not self._connection.is_closing:
            if farewell:
                self.out.write(untagged(farewell))
            self.out.flush()
            self._connection.end(b"", farewell)
