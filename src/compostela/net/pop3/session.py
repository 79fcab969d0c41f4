"""A POP3 session: its connection on one side, engine and commands on the other.

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
from compostela.net import greeting
from compostela.net.authentication.logins import Exchange, NotOffered
from compostela.net.connection import Connection
from compostela.net.gathered_replies import GATHERED_BYTES, GatheredReplies
from compostela.net.pop3 import logging_in
from compostela.net.pop3.logging_in import Refused
from compostela.net.pop3.maildrop import Maildrop
from compostela.net.pop3.server import Pop3Server
from compostela.net.pop3.transaction import CutOff, Transaction
from compostela.net.session import CloseReason, Session
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


class Pop3Session(Session):
    """One client's dialogue; also the `Output` of its commands."""

    protocol = "POP3"
    log = logging.getLogger("compostela.net.pop3")

    __slots__ = (
        "_auth", "_bound", "_connection", "_engine", "_exchange", "_faults", "_login_failures", "_name", "_replies", "_server", "_tls", "_transaction", "_user", "_utf8",
    )  # fmt: skip

    def __init__(self, server: Pop3Server, connection: Connection, tls: bool) -> None:
        self._connection = connection
        self._replies = GatheredReplies(connection)
        self._engine = connection.reader = Pop3Engine()
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

    def write(self, octets: bytes) -> None:
        """See `Output`."""
        self._replies.write(octets)

    async def drain(self) -> bool:
        """See `Output`."""
        self._replies.flush()
        if self._connection.writable is not None:
            await self._connection.wait_until_read()
        else:
            # others have their turn between two pieces of a long reply
            await asyncio.sleep(0)
        return not self._connection.is_closing

    # what the connection asks

    def begin(self) -> None:
        if self._tls:
            self._note_tls()
        if self._connection.admit(replies.TOO_MANY_CONNECTIONS.octets):
            greeting.begin(self._connection, self, self._server.bans)

    def greet(self) -> None:
        """See `Greeter`."""
        # no angle brackets: clients would take them for the challenge of APOP
        name = self._server.settings.server.hello_name
        self._connection.write(replies.ok(f"{name} POP3 server (Compostela) ready").octets)

    def turn_away(self) -> None:
        """See `Greeter`."""
        self._close(replies.BANNED)

    def lost(self) -> None:
        if self._connection.running is None:
            self._transaction = None

    @property
    def login(self) -> Username | None:
        return self._user

    def has_work(self) -> bool:
        """Marks of DELE are no work to be kept: a session that ends without QUIT removes nothing (RFC 1939 §6)."""
        return False

    def announce_close(self, reason: CloseReason) -> None:  # noqa: ARG002 - the interface's
        """RFC 1939 §3: the server closes without a response."""
        self._close()

    # work

    async def work(self) -> None:
        connection, gathered = self._connection, self._replies
        trace_id.set(connection.id)
        try:
            while not connection.is_closing:
                event = self._engine.next_event()
                if event is None:
                    break
                before = len(gathered.octets)
                await self._handle(event)
                if connection.is_told and isinstance(event, Received):
                    self._tell_status(gathered.octets[before:])
                if connection.note_event():
                    gathered.flush()
                    await connection.take_turn()
                if connection.writable is not None or gathered.size_bytes > GATHERED_BYTES:
                    await self.drain()
            if connection.is_ending:
                self._close()
            gathered.flush()
            connection.read_on()
        except Exception:
            _log.exception("unexpected error in a POP3 session")
            self._close()
        finally:
            connection.rest()
            if connection.is_closing:
                # it knows the session: as a cycle both would stay in memory until the collector comes by
                self._transaction = None

    def _tell_status(self, replies: list[bytes]) -> None:
        """The first line; what the client asked for, and the challenges of AUTH, are not told."""
        if replies and self._exchange is None:
            self._connection.tell_reply(replies[0].partition(b"\r\n")[0])

    async def _handle(self, event: Event) -> None:
        match event:
            case Received(command):
                _commands.inc()
                self._faults = 0
                if self._connection.is_told:
                    self._connection.tell("command", command=repr(command))
                await self._command(command)
            case Line(octets):
                await self._answer(octets)
            case Faulty(text):
                self._faults += 1
                # no more of it: a client whose AUTH was refused may go on with its credentials
                self._connection.tell("command refused", faults=self._faults)
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
        except TemporaryFailure as failure:
            _log.error("a command failed for now", extra={"error": str(failure)})
            self.write(replies.UNABLE.octets)
        except CutOff:
            _log.exception("a message could not be read to its end; the connection is aborted")
            self._replies.drop()
            self._connection.abort("a message could not be read to its end")

    async def _quit(self, command: Quit) -> None:
        self._connection.note_end("QUIT")
        self._engine.answered(command, ok=True)
        reply = replies.GOODBYE
        if self._engine.state is State.UPDATE:
            assert self._transaction is not None
            try:
                await self._transaction.maildrop.remove_marked()
            except TemporaryFailure as failure:
                _log.error("marked messages could not be removed", extra={"error": str(failure)})
                reply = replies.NOT_ALL_REMOVED
        self._close(reply)

    # login

    async def _log_in_by_password(self, command: Pass, password: bytes) -> None:
        name, self._name = self._name, b""
        try:
            identity = await logging_in.by_password(self._server.logins, name, password, self._connection.address)
        except Refused as refused:
            self._refuse(command, refused)
        else:
            await self._enter(command, identity)

    async def _begin_auth(self, command: Auth) -> None:
        try:
            self._exchange = self._server.logins.begin(
                command.mechanism,
                self._connection.address,
                self._connection.tls_channel,
                tls=self._tls,
                bound=self._bound,
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
        except TemporaryFailure as failure:
            _log.error("a maildrop could not be opened", extra={"error": str(failure)})
            self._reply(command, replies.MAILDROP_FAILED)
            return
        self._transaction, self._user = Transaction(maildrop, self, utf8=self._utf8), user
        # RFC 6856 §2.1: text beyond ASCII only in UTF-8 mode
        is_shown = self._utf8 or user.value.isascii()
        self._reply(command, replies.ok(f"Welcome {user}" if is_shown else "Welcome"))

    # TLS

    async def _stls(self, command: Stls) -> None:
        context = self._connection.listener.context
        if self._tls or context is None or not self._server.settings.server.tls.starttls:
            self._reply(command, replies.TLS_ACTIVE if self._tls else replies.NO_TLS)
            return
        if self._engine.buffered:
            self._close(replies.STLS_NOT_LAST)
            return
        self._replies.flush()
        # now, since what comes over TLS may be there before the handshake is seen to be over
        self._engine.forget()
        self._name = b""
        self._utf8 = False
        if await self._connection.start_tls(context, replies.BEGIN_TLS.octets):
            self._tls = True
            self._note_tls()

    def _note_tls(self) -> None:
        self._bound = self._server.logins.settings.bound_to(self._connection.tls_channel)

    def _close(self, last_reply: Reply | None = None) -> None:
        if not self._connection.is_closing:
            octets = b"" if last_reply is None else last_reply.octets
            self.write(octets)
            self._replies.flush()
            self._connection.end(b"", octets.decode("utf-8", "replace").rstrip() or "the server ends it")
