"""A ManageSieve session: its connection on one side, engine and commands on the other.

A session that waits has no task: one is made when octets arrive and ends when they are dealt with.
"""

import logging

from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.base.log import trace_id
from compostela.base.metrics import counter
from compostela.core.authentication.service import LoginRefused, Refusal
from compostela.model.username import Username
from compostela.net import greeting
from compostela.net.authentication.logins import Exchange, NotOffered
from compostela.net.connection import Connection
from compostela.net.managesieve import scripts
from compostela.net.managesieve.server import ManageSieveServer
from compostela.net.session import CloseReason, Session
from compostela.protocols.managesieve import responses
from compostela.protocols.managesieve.commands import (
    Authenticate,
    Capability,
    Command,
    Logout,
    Noop,
    StartTls,
    Unauthenticate,
)
from compostela.protocols.managesieve.engine import Answer, Broken, Event, Faulty, ManageSieveEngine, Received

_log = logging.getLogger(__name__)

MAX_FAULTS = 20
"""Commands in a row that are unknown, malformed or out of place, after which the server hangs up."""
MAX_LOGIN_FAILURES = 3
_FAILED = "Authentication failed with: Verification of credentials failed"
_REFUSALS = {one: responses.no(one.value) for one in Refusal} | {
    Refusal.WRONG: responses.no(_FAILED),
    Refusal.SHUT_OUT: responses.no(Refusal.SHUT_OUT.value, responses.TRYLATER),
}
_UNABLE = responses.no("The server cannot do this now", responses.TRYLATER)
_NEEDS_TLS = responses.no("Use STARTTLS first", responses.ENCRYPT_NEEDED)
_CLOSING = {
    CloseReason.SHUTDOWN: responses.bye("The server is shutting down", responses.TRYLATER),
    CloseReason.SILENCE: responses.bye("Nothing came for too long"),
    CloseReason.REMOVED: responses.bye("The account is removed"),
    CloseReason.DISCONNECTED: responses.bye("An administrator ends the connection"),
    CloseReason.LIFESPAN: responses.bye("The connection has been there for too long"),
}

_commands = counter("manageSieveCommands", "ManageSieve commands")


class ManageSieveSession(Session):
    """One client's dialogue."""

    protocol = "MANAGESIEVE"
    log = logging.getLogger("compostela.net.managesieve")

    __slots__ = (
        "_auth",
        "_bound",
        "_connection",
        "_engine",
        "_exchange",
        "_faults",
        "_login_failures",
        "_server",
        "_tls",
        "_user",
    )

    def __init__(self, server: ManageSieveServer, connection: Connection, tls: bool) -> None:
        self._connection = connection
        self._engine = connection.reader = ManageSieveEngine(server.max_script_bytes)
        self._server = server
        self._tls = tls
        self._bound: frozenset[str] = frozenset()
        self._auth: Authenticate | None = None
        self._exchange: Exchange | None = None
        self._user: Username | None = None
        self._login_failures = 0
        self._faults = 0

    # what the connection asks

    def begin(self) -> None:
        if self._tls:
            self._note_tls()
        if self._connection.admit(responses.bye("Too many connections", responses.TRYLATER)):
            greeting.begin(self._connection, self, self._server.bans)

    def greet(self) -> None:
        """See `Greeter`."""
        self._write(self._capabilities("Compostela ManageSieve server ready"))

    def turn_away(self) -> None:
        """See `Greeter`."""
        self._close(responses.bye("Your address is banned."))

    def has_work(self) -> bool:
        return False

    @property
    def login(self) -> Username | None:
        return self._user

    def announce_close(self, reason: CloseReason) -> None:
        self._close(_CLOSING[reason])

    # work

    async def work(self) -> None:
        connection = self._connection
        trace_id.set(connection.id)
        try:
            while not connection.is_closing:
                event = self._engine.next_event()
                if event is None:
                    break
                await self._handle(event)
                if connection.note_event():
                    await connection.take_turn()
                await connection.wait_until_read()
            if connection.is_ending:
                self._close(_CLOSING[CloseReason.SHUTDOWN])
            connection.read_on()
        except Exception:
            _log.exception("unexpected error in a ManageSieve session")
            self._close(responses.bye("Internal error"))
        finally:
            connection.rest()

    async def _handle(self, event: Event) -> None:
        match event:
            case Received(command):
                _commands.inc()
                self._faults = 0
                if self._connection.is_told:
                    self._connection.tell("command", command=repr(command))
                await self._command(command)
            case Answer(octets):
                await self._answer(octets)
            case Faulty(text, too_large):
                self._fault(text, too_large=too_large)
            case Broken(text):
                self._close(responses.bye(text))

    def _fault(self, text: str, *, too_large: bool) -> None:
        reply = scripts.too_large() if too_large else responses.no(text)
        if self._auth is not None:
            # in place of an answer to a challenge
            self._refuse(reply, is_failure=True)
            return
        self._faults += 1
        self._write(reply)
        if self._faults > MAX_FAULTS:
            self._close(responses.bye("Too many faulty commands"))

    async def _command(self, command: Command) -> None:
        match command:
            case Capability():
                self._write(self._capabilities())
            case Noop(tag):
                self._write(responses.ok("DONE", b"" if tag is None else responses.tag(tag)))
            case Logout():
                self._connection.note_end("LOGOUT")
                self._engine.answered(command, ok=True)
                self._close(responses.ok("Bye"))
            case StartTls():
                await self._start_tls_layer(command)
            case Authenticate():
                await self._begin_auth(command)
            case Unauthenticate():
                self._user = None
                self._engine.answered(command, ok=True)
                self._write(responses.ok())
            case _:
                assert self._user is not None
                try:
                    self._write(await scripts.answer(self._server, self._user, command))
                except TemporaryFailure as failure:
                    _log.error("a command failed for now", extra={"error": str(failure)})
                    self._write(_UNABLE)

    # login

    async def _begin_auth(self, command: Authenticate) -> None:
        self._auth = command
        try:
            self._exchange = self._server.logins.begin(
                command.mechanism,
                self._connection.address,
                self._connection.tls_channel,
                tls=self._tls,
                bound=self._bound,
            )
        except NotOffered as refused:
            self._refuse(_NEEDS_TLS if refused.needs_tls else responses.no("Unknown SASL mechanism"))
            return
        await self._step(command.initial)

    async def _answer(self, octets: bytes | None) -> None:
        if octets is None:
            self._refuse(responses.no("Authentication cancelled"))
        else:
            await self._step(octets)

    async def _step(self, response: bytes | None) -> None:
        """`response` is base64; None without an initial one."""
        command, exchange = self._auth, self._exchange
        assert command is not None
        assert exchange is not None
        try:
            step = await exchange.step_in_base64(response)
        except InvalidArgument:
            self._refuse(responses.no("The answer is not of the mechanism's form"), is_failure=True)
        except LoginRefused as refused:
            self._refuse(_REFUSALS[refused.refusal], is_failure=True)
        except TemporaryFailure as failure:
            _log.error("a login could not be checked", extra={"error": str(failure)})
            self._refuse(_UNABLE)
        else:
            if isinstance(step, bytes):
                self._engine.expect_answer()
                self._send(responses.challenge(step))
                return
            self._user = self._connection.account = step.user
            self._auth = self._exchange = None
            self._engine.answered(command, ok=True)
            self._write(responses.ok())

    def _refuse(self, reply: bytes, *, is_failure: bool = False) -> None:
        """The end of AUTHENTICATE. `is_failure`: a wrong guess, of which a session has few."""
        assert self._auth is not None
        self._engine.answered(self._auth, ok=False)
        self._auth = self._exchange = None
        self._write(reply)
        self._login_failures += is_failure
        if self._login_failures >= MAX_LOGIN_FAILURES:
            self._close(responses.bye("Too many failed logins"))

    # TLS

    async def _start_tls_layer(self, command: StartTls) -> None:
        context = self._connection.listener.context
        if self._tls or context is None or not self._server.settings.server.tls.starttls:
            self._engine.answered(command, ok=False)
            self._write(responses.no("TLS is active already" if self._tls else "TLS is not available"))
            return
        if self._engine.buffered:
            self._close(responses.bye("STARTTLS must be the last command before the handshake"))
            return
        self._engine.answered(command, ok=True)
        # now, since what comes over TLS may be there before the handshake is seen to be over
        self._engine.forget()
        if await self._connection.start_tls(context, responses.ok("Begin TLS negotiation now")):
            self._tls = True
            self._note_tls()
            # RFC 5804 §2.2: what the client knew from before is worth nothing
            self._write(self._capabilities("TLS negotiation successful"))

    def _note_tls(self) -> None:
        self._bound = self._server.logins.settings.bound_to(self._connection.tls_channel)

    def _capabilities(self, text: str = "") -> bytes:
        return self._server.capabilities(self._user, tls=self._tls, bound=self._bound) + responses.ok(text)

    def _write(self, octets: bytes) -> None:
        if self._connection.is_told:
            self._connection.tell_reply(octets.rstrip(b"\r\n").rpartition(b"\r\n")[2])
        self._send(octets)

    def _send(self, octets: bytes) -> None:
        if not self._connection.is_closing:
            self._connection.write(octets)

    def _close(self, last_reply: bytes) -> None:
        if not self._connection.is_closing:
            self._write(last_reply)
            self._connection.end(b"", last_reply.decode("utf-8", "replace").rstrip())
