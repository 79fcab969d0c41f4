"""The host of a POP3 session: socket events on one side, engine and commands on the other.

A session that waits has no task: one is made when octets arrive and ends when they are dealt with. Replies of one round are one write.
The server never speaks unasked, as RFC 1939 demands: a session that it ends is closed without a word.
"""

import asyncio
import logging

from compostela.base.errors import TemporaryFailure
from compostela.base.log import trace_id
from compostela.base.metrics import counter
from compostela.core.authentication.service import Identity
from compostela.core.mailbox.actor import Actor
from compostela.model.username import Username
from compostela.net.authentication.logins import Exchange, NotOffered
from compostela.net.gathering_host import GATHERED_BYTES, GatheringHost
from compostela.net.listeners import Listener
from compostela.net.pop3 import logging_in
from compostela.net.pop3.logging_in import Refused
from compostela.net.pop3.maildrop import Maildrop
from compostela.net.pop3.server import Pop3Server
from compostela.net.pop3.transaction import CutOff, Transaction
from compostela.net.session_host import CloseReason
from compostela.protocols.pop3 import replies
from compostela.protocols.pop3.commands import Auth, Capa, Command, Mechanisms, Pass, Quit, Stls, User, Utf8
from compostela.protocols.pop3.engine import Event, Faulty, Line, LineTooLong, Pop3Engine, Received
from compostela.protocols.pop3.replies import Reply
from compostela.protocols.pop3.states import State

_log = logging.getLogger(__name__)

MAX_FAULTS = 20
"""Commands in a row that are unknown, malformed or out of place, after which the server hangs up."""
MAX_LOGIN_FAILURES = 3

_commands = counter("pop3Commands", "POP3 commands")


class Pop3Protocol(GatheringHost):
    """One connection; also the `Output` of its commands."""

    protocol = "POP3"
    log = logging.getLogger("compostela.net.pop3")

    __slots__ = (
        "_auth", "_bound", "_engine", "_exchange", "_faults", "_login_failures", "_name", "_server", "_tls", "_transaction", "_user", "_utf8",
    )  # fmt: skip

    def __init__(self, server: Pop3Server, listener: Listener, tls: bool) -> None:
        self._engine = Pop3Engine()
        super().__init__(listener, self._engine)
        self._server = server
        self._tls = tls
        self._bound: frozenset[str] = frozenset()
        self._name = b""
        self._auth: Auth | None = None
        self._exchange: Exchange | None = None
        self._transaction: Transaction | None = None
        self._user: Username | None = None
        self._utf8 = False
        self._login_failures = 0
        self._faults = 0

    # what commands use

    async def drain(self) -> bool:
        """See `Output`."""
        self._flush()
        if self._writable is not None and not self._closing:
            await self._writable.wait()
        else:
            # others have their turn between two pieces of a long reply
            await asyncio.sleep(0)
        return not self._closing

    # what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._tls:
            self._note_tls()
        if self._admitted(replies.TOO_MANY_CONNECTIONS.octets):
            self._begin(self._server.bans)

    def _greet(self) -> None:
        # no angle brackets: clients would take them for the challenge of APOP
        name = self._server.settings.server.hello_name
        self._transport.write(replies.ok(f"{name} POP3 server (Compostela) ready").octets)

    def _turn_away(self) -> None:
        self._close(replies.BANNED)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone(exc)
        if self._running is None:
            self._transaction = None

    # what the listener asks

    @property
    def login(self) -> Username | None:
        return self._user

    def _has_work(self) -> bool:
        """Marks of DELE are no work to be kept: a session that ends without QUIT removes nothing (RFC 1939 §6)."""
        return False

    def _announce_close(self, reason: CloseReason) -> None:  # noqa: ARG002 - the interface's
        """RFC 1939 §3: the server closes without a response."""
        self._close()

    # work

    async def _work(self) -> None:
        trace_id.set(self._session_id)
        try:
            while not self._closing:
                event = self._engine.next_event()
                if event is None:
                    break
                before = len(self._gathered)
                await self._handle(event)
                if self._is_told and isinstance(event, Received):
                    self._tell_status(self._gathered[before:])
                if self._note_event():
                    self._flush()
                    await self._listener.scheduler.take()
                if self._writable is not None or self._gathered_bytes > GATHERED_BYTES:
                    await self.drain()
            if self._ending:
                self._close()
            self._flush()
            self._read_on()
        except Exception:
            _log.exception("unexpected error in a POP3 session")
            self._close()
        finally:
            self._note_rest()
            if self._closing:
                # it knows the session: as a cycle both would stay in memory until the collector comes by
                self._transaction = None

    def _tell_status(self, replies: list[bytes]) -> None:
        """The first line; what the client asked for, and the challenges of AUTH, are not told."""
        if replies and self._exchange is None:
            self._tell_reply(replies[0].partition(b"\r\n")[0])

    async def _handle(self, event: Event) -> None:
        match event:
            case Received(command):
                _commands.inc()
                self._faults = 0
                if self._is_told:
                    self._tell("command", command=repr(command))
                await self._command(command)
            case Line(octets):
                await self._answer(octets)
            case Faulty(text):
                self._faults += 1
                # no more of it: a client whose AUTH was refused may go on with its credentials
                self._tell("command refused", faults=self._faults)
                if self._faults > MAX_FAULTS:
                    self._close(replies.TOO_MANY_FAULTS)
                else:
                    self.write(replies.error(text).octets)
            case LineTooLong():
                self._close(replies.LINE_TOO_LONG)

    async def _command(self, command: Command) -> None:
        match command:
            case Capa():
                lines = self._server.capabilities(tls=self._tls, bound=self._bound)
                self.write(replies.multiline("Capability list follows", lines).octets)
            case Mechanisms():
                mechanisms = self._server.mechanisms(tls=self._tls, bound=self._bound)
                self.write(replies.multiline("Mechanisms follow", mechanisms).octets)
            case Utf8():
                self._utf8 = True
                self.write(replies.UTF8_ON.octets)
            case Stls():
                await self._stls(command)
            case User(name):
                takes_passwords = self._server.settings.takes_passwords(tls=self._tls)
                self._name = name
                self._reply(command, replies.USER_OK if takes_passwords else replies.TLS_NEEDED)
            case Pass(password):
                await self._log_in_by_password(command, password)
            case Auth():
                await self._begin_auth(command)
            case Quit():
                await self._quit(command)
            case _:
                await self._transact(command)

    def _reply(self, command: Command, reply: Reply) -> None:
        """The final reply of a command that may change the state."""
        self._engine.answered(command, ok=reply.is_ok)
        self.write(reply.octets)

    async def _transact(self, command: Command) -> None:
        assert self._transaction is not None
        try:
            await self._transaction.run(command)
        except TemporaryFailure:
            _log.exception("a command failed for now")
            self.write(replies.UNABLE.octets)
        except CutOff:
            _log.exception("a message could not be read to its end; the connection is aborted")
            self._closing = True
            self._gathered.clear()
            self._transport.abort()

    async def _quit(self, command: Quit) -> None:
        self._note_end("QUIT")
        self._engine.answered(command, ok=True)
        reply = replies.GOODBYE
        if self._engine.state is State.UPDATE:
            assert self._transaction is not None
            try:
                await self._transaction.maildrop.remove_marked()
            except TemporaryFailure:
                _log.exception("marked messages could not be removed")
                reply = replies.NOT_ALL_REMOVED
        self._close(reply)

    # login

    async def _log_in_by_password(self, command: Pass, password: bytes) -> None:
        name, self._name = self._name, b""
        try:
            identity = await logging_in.by_password(self._server.logins, name, password, self._address)
        except Refused as refused:
            self._refuse(command, refused)
        else:
            await self._enter(command, identity)

    async def _begin_auth(self, command: Auth) -> None:
        try:
            self._exchange = self._server.logins.begin(
                command.mechanism, self._address, self.tls_channel, tls=self._tls, bound=self._bound
            )
        except NotOffered as refused:
            self._reply(command, replies.TLS_NEEDED if refused.needs_tls else replies.AUTH_UNKNOWN)
            return
        self._auth = command
        await self._answer(command.initial)

    async def _answer(self, response: bytes | None) -> None:
        """The client's part in a step of AUTH."""
        command, exchange = self._auth, self._exchange
        assert command is not None
        assert exchange is not None
        try:
            step = await logging_in.respond(exchange, response)
        except Refused as refused:
            self._refuse(command, refused)
        else:
            if isinstance(step, bytes):
                self._engine.expect_line()
                self.write(replies.challenge(step))
                return
            await self._enter(command, step)
        self._auth = self._exchange = None

    def _refuse(self, command: Command, refused: Refused) -> None:
        self._reply(command, refused.reply)
        if refused.is_failure:
            self._login_failures += 1
            if self._login_failures >= MAX_LOGIN_FAILURES:
                self._close()

    async def _enter(self, command: Command, identity: Identity) -> None:
        user = identity.user
        if not self._server.delays.admit(user, self._server.settings.login_delay_seconds):
            self._reply(command, replies.TOO_EARLY)
            return
        try:
            maildrop = await Maildrop.open(self._server.mailboxes.session(Actor.delegate(identity.login, user)), user)
        except TemporaryFailure:
            _log.exception("a maildrop could not be opened")
            self._reply(command, replies.MAILDROP_FAILED)
            return
        self._transaction, self._user = Transaction(maildrop, self, utf8=self._utf8), user
        # RFC 6856 §2.1: text beyond ASCII only in UTF-8 mode
        is_shown = self._utf8 or user.value.isascii()
        self._reply(command, replies.ok(f"Welcome {user}" if is_shown else "Welcome"))

    # TLS

    async def _stls(self, command: Stls) -> None:
        context = self._listener.context
        if self._tls or context is None or not self._server.settings.server.tls.starttls:
            self._reply(command, replies.TLS_ACTIVE if self._tls else replies.NO_TLS)
            return
        if self._engine.buffered:
            self._close(replies.STLS_NOT_LAST)
            return
        self._flush()
        # now, since what comes over TLS may be there before the handshake is seen to be over
        self._engine.forget()
        self._name = b""
        self._utf8 = False
        if await self._start_tls(context, replies.BEGIN_TLS.octets):
            self._tls = True
            self._note_tls()

    def _note_tls(self) -> None:
        self._bound = self._server.logins.settings.bound_to(self.tls_channel)

    def _close(self, last_reply: Reply | None = None) -> None:
        if not self._closing:
            self._closing = True
            octets = b"" if last_reply is None else last_reply.octets
            self._note_end(octets.decode("utf-8", "replace").rstrip() or "the server ends it")
            self.write(octets)
            self._flush()
            self._transport.close()
