"""An SMTP session: its connection on one side, engine and commands on the other.

While a command waits (for the store, a hook, a password check) nothing else of the session is looked at and, beyond a
limit, nothing is read. All answers of one round are one write.
"""

import logging

from compostela.base.log import trace_id
from compostela.base.metrics import counter
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.username import Username
from compostela.net.authentication.logins import NotOffered
from compostela.net.connection import Connection
from compostela.net.incoming_message import MAX_SWALLOWED_BYTES, IncomingMessage
from compostela.net.session import CloseReason, Session
from compostela.net.smtp.auth import AuthExchange
from compostela.net.smtp.chunks import Chunks
from compostela.net.smtp.commands import Commands
from compostela.net.smtp.log_texts import answer_text, event_text, reply_text
from compostela.net.smtp.server import SmtpServer
from compostela.protocols.smtp import grammar, replies
from compostela.protocols.smtp.engine import (
    BadLineEnd,
    ChunkEnd,
    Command,
    Data,
    DataEnd,
    Event,
    Line,
    LineTooLong,
    SmtpEngine,
)
from compostela.protocols.smtp.replies import Reply, reply

_log = logging.getLogger(__name__)

MAX_ERRORS = 30
"""Refused commands in a row after which the server hangs up."""
MAX_SURPLUS = 1000
"""So many recipients beyond the limit may be tried in a row: a client that gives all of its recipients at once sends the mail to those
that were taken, and to the others later (RFC 5321 §4.5.3.1.10)."""

_TOO_MANY = (replies.TOO_MANY_RECIPIENTS.code, replies.TOO_MANY_RECIPIENTS.enhanced)
_FAREWELLS = {
    CloseReason.SHUTDOWN: replies.SHUTTING_DOWN,
    CloseReason.SILENCE: replies.TIMED_OUT,
    CloseReason.LIFESPAN: replies.LIVED_TOO_LONG,
    CloseReason.DISCONNECTED: replies.DISCONNECTED,
}

_commands = counter("smtpCommands", "SMTP commands")


class SmtpServerSession(Session):
    """One client's dialogue."""

    __slots__ = (
        "_auth",
        "_chunks",
        "_commands",
        "_connection",
        "_engine",
        "_errors",
        "_has_ended",
        "_message",
        "_server",
        "_session",
        "_surplus",
        "_tls",
    )

    protocol = "SMTP"
    counter = _commands
    log = logging.getLogger("compostela.net.smtp")

    def __init__(self, server: SmtpServer, connection: Connection, tls: bool) -> None:
        self._connection = connection
        self._engine = connection.reader = SmtpEngine(server.settings.max_line_bytes)
        self._server = server
        self._tls = tls
        self._auth: AuthExchange | None = None
        self._chunks: Chunks | None = None
        self._message: IncomingMessage | None = None
        self._errors = self._surplus = 0
        self._has_ended = False

    # what the connection asks

    def begin(self) -> None:
        connection, server = self._connection, self._server
        authorized = server.is_authorized(connection.address)
        self._session = SmtpSession(
            id=connection.id,
            remote_address=connection.address,
            remote_host=connection.address,
            hello_name=server.settings.server.hello_name,
            is_authorized_network=authorized,
            auth_announced=server.settings.announces_auth(authorized),
            protocol=self.protocol,
        )
        self._commands = self._make_commands(self._session)
        if self._tls:
            self._note_tls()
        if server.hooks.lifespan_seconds:
            connection.live_at_most(server.hooks.lifespan_seconds)
        full = replies.SHUTTING_DOWN if connection.listener.is_ending else replies.TOO_MANY_CONNECTIONS
        if connection.admit(full.octets):
            connection.start(self._greet_and_work())

    def _make_commands(self, session: SmtpSession) -> Commands:
        return Commands(self._server, session)

    def lost(self) -> None:
        if self._message is not None and self._connection.running is None:
            self._message.discard()

    def half_closed(self) -> bool:
        """A client that has no more to say and waits for its answers gets them. TLS has no such half of an end."""
        self._has_ended = self._connection.running is not None and not self._session.is_tls
        return self._has_ended

    def has_work(self) -> bool:
        return self._session.sender_given

    @property
    def login(self) -> Username | None:
        return self._session.user

    def announce_close(self, reason: CloseReason) -> None:
        self._drop_message()
        self._close(_FAREWELLS[reason])

    # work

    async def _greet_and_work(self) -> None:
        trace_id.set(self._session.id)
        try:
            self._connection.write((await self._commands.greet()).octets)
            if self._commands.disconnect:
                self._connection.note_end("the client is refused at the greeting")
                self._close()
        except Exception:
            self._failed()
        await self.work()

    async def work(self) -> None:
        """One task until the connection ends. The context of the greeting, with its trace id, stays."""
        try:
            await self._dialogue()
        except Exception:
            self._failed()
        finally:
            self._connection.rest()
            if self._connection.is_closing and self._message is not None:
                self._message.discard()

    async def _dialogue(self) -> None:
        """Answers what comes."""
        connection, next_event = self._connection, self._engine.next_event
        is_told = connection.is_told
        out: list[bytes] = []
        """Answers that are not written yet."""
        try:
            while not connection.is_closing:
                event = next_event()
                if event is None:
                    if self._ends_with(out):
                        return
                    await connection.rest_until_input()
                    is_told = connection.is_told
                    continue
                if is_told:
                    self._tell_event(event)
                if isinstance(event, Command):
                    if out and event.verb == b"STARTTLS":
                        # what was answered to the commands before is said before the go-ahead, and not under TLS
                        self._flush(out)
                    self.counter.inc()
                    handle = self._command if self._chunks is None else self._command_amid_chunks
                    answer = await handle(event.verb, event.argument)
                elif isinstance(event, Data):
                    answer = self._take(event.octets)
                elif isinstance(event, DataEnd):
                    answer = await self._end_of_message(replies.NUL_IN_TEXT if event.has_nul else None)
                else:
                    answer = await self._handle(event)
                if is_told and answer:
                    connection.tell("reply", reply=answer_text(event, answer))
                if connection.note_event():
                    self._flush(out)
                    await connection.take_turn()
                if answer is not None:
                    out.append(answer.octets)
                    if not answer.is_refusal:
                        self._errors = self._surplus = 0
                    elif self._too_many_errors(answer):
                        out.append(replies.TOO_MANY_ERRORS.octets)
                        self._drop_message()
                        connection.note_end("too many refused commands")
                        self._commands.disconnect = True
                    if connection.writable is not None:
                        self._flush(out)
                        await connection.wait_until_read()
                if self._commands.disconnect and self._message is None:
                    self._flush(out)
                    connection.note_end(reply_text(answer) if answer is not None else "the server ends it")
                    self._close()
        except Exception:
            # each command keeps its own answer, so the last one is that of what failed
            if not connection.is_closing:
                self._flush(out)
            raise

    def _flush(self, out: list[bytes]) -> None:
        if out:
            self._connection.write(b"".join(out))
            out.clear()

    def _ends_with(self, out: list[bytes]) -> bool:
        """All that has come is answered: say so. Return True if the session is over with it."""
        connection = self._connection
        if connection.is_ending and not self.has_work():
            out.append(replies.SHUTTING_DOWN.octets)
            connection.end(b"".join(out), reply_text(replies.SHUTTING_DOWN))
            return True
        self._flush(out)
        connection.read_on()
        if self._has_ended:
            self._close()
        return self._has_ended

    def _tell_event(self, event: Event) -> None:
        text = event_text(event)
        if text:
            self._connection.tell("command", command=text)

    async def _command_amid_chunks(self, verb: bytes, argument: bytes) -> Reply | None:
        was_ending = self._commands.disconnect
        answer = await self._command(verb, argument)
        if self._chunks is not None and self._message is not None:
            is_ending = self._commands.disconnect and not was_ending
            if is_ending or not self._session.sender_given:
                # the command has ended the session, or the transaction in the middle of its chunks
                self._drop_message()
        return answer

    def _take(self, octets: bytes) -> Reply | None:
        """Octets of the message."""
        message = self._message
        if message is None:
            return None
        message.write(octets)
        if message.is_endless:
            self._drop_message()
            self._commands.disconnect = True
            return self._commands.final(replies.MESSAGE_TOO_LARGE)
        if self._chunks is not None:
            self._chunks.look_at(octets)
        return None

    async def _handle(self, event: ChunkEnd | Line | LineTooLong | BadLineEnd) -> Reply | None:
        match event:
            case ChunkEnd():
                return await self._end_of_chunk()
            case Line(octets):
                return await self._auth_answer(octets)
            case LineTooLong(announced_chunk):
                return self._line_too_long(announced_chunk)
            case BadLineEnd():
                self._commands.disconnect = True
                if self._message is None:
                    return replies.BARE_LINE_END
                self._drop_message()
                return self._commands.final(replies.BARE_LINE_END)

    async def _command(self, verb: bytes, argument: bytes) -> Reply | None:
        match verb:
            case b"MAIL":
                return await self._commands.mail(argument)
            case b"RCPT":
                if self._chunks is not None:
                    return replies.CHUNKS_BEGUN
                return await self._commands.rcpt(argument)
            case b"DATA":
                return self._start_data(argument)
            case b"BDAT":
                return self._start_chunk(argument)
            case b"EHLO" | b"HELO":
                return await self._commands.helo(verb.decode(), argument)
            case b"RSET":
                if argument:
                    return replies.RSET_ARGUMENT
                self._session.reset()
                return replies.OK
            case b"NOOP":
                return replies.OK
            case b"QUIT":
                self._connection.note_end("QUIT")
                self._drop_message()
                self._commands.disconnect = True
                farewell = f"{self._session.hello_name} Service closing transmission channel"
                return replies.QUIT_ARGUMENT if argument else reply(221, "2.0.0", farewell)
            case b"AUTH":
                return await self._begin_auth(argument)
            case b"STARTTLS":
                return await self._starttls(argument)
            case b"HELP":
                return replies.HELP
            case b"VRFY":
                return replies.VRFY
            case b"EXPN":
                return replies.EXPN
            case _:
                return await self._commands.unknown(verb)

    # messages

    def _start_data(self, argument: bytes) -> Reply:
        if self._chunks is not None:
            return replies.CHUNKS_BEGUN
        wrong = self._commands.check_data(argument)
        if wrong is not None:
            return wrong
        self._message = self._new_message()
        self._engine.start_data()
        return replies.START_DATA

    def _new_message(self) -> IncomingMessage:
        return IncomingMessage(self._server.blobs, self._server.settings.max_message_bytes)

    async def _end_of_message(self, wrong: Reply | None) -> Reply:
        message, self._message, self._chunks = self._message, None, None
        assert message is not None
        if wrong is not None:
            message.discard()
            answer = self._commands.final(wrong)
        else:
            answer = await self._commands.accept(message)
        self._session.reset()
        return answer

    def _start_chunk(self, argument: bytes) -> Reply | None:
        """BDAT (RFC 3030 §2): the octets after it are taken or dropped; the reply comes after them."""
        try:
            size, last = grammar.parse_bdat(argument)
        except grammar.BadChunk:
            return self._lose_chunk(replies.BDAT_USAGE)
        if self._chunks is None:
            self._chunks = Chunks(self._commands.refusal("BDAT"), is_binary=self._session.is_binary)
            if self._chunks.wrong is None:
                self._message = self._new_message()
            elif size > MAX_SWALLOWED_BYTES:
                self._commands.disconnect = True
                return self._chunks.wrong
        self._chunks.begin(size, last)
        self._engine.start_chunk(size)
        return None

    def _lose_chunk(self, answer: Reply) -> Reply:
        """Where commands go on cannot be known any more."""
        self._drop_message()
        self._commands.disconnect = True
        return answer

    async def _end_of_chunk(self) -> Reply:
        chunks = self._chunks
        assert chunks is not None
        wrong = chunks.problem(self._message)
        if self._message is not None and (chunks.is_last or wrong is not None):
            # after a refused chunk there is no transaction: further chunks are dropped and refused
            answer = await self._end_of_message(wrong)
            return answer if chunks.is_last or wrong is None else wrong
        if wrong is not None:
            self._chunks = None
            self._session.reset()
            return wrong
        return replies.chunk_received(chunks.size)

    def _drop_message(self) -> None:
        self._chunks = None
        if self._message is not None:
            self._message.discard()
            self._message = None

    def _line_too_long(self, announced_chunk: bool) -> Reply:
        if announced_chunk:
            return self._lose_chunk(replies.LINE_TOO_LONG)
        if self._auth is None:
            return replies.LINE_TOO_LONG
        self._auth = None
        return replies.AUTH_LINE_TOO_LONG

    # authentication

    async def _begin_auth(self, argument: bytes) -> Reply:
        if self._session.user is not None:
            return replies.ALREADY_AUTHENTICATED
        refused = self._commands.refusal("AUTH")
        if refused is not None:
            return refused
        if not self._server.settings.auth_enabled:
            return replies.unrecognized(b"AUTH")
        words = argument.split()
        if not words or len(words) > 2:
            return replies.AUTH_USAGE
        name = words[0].decode("ascii", "replace").upper()
        try:
            exchange = self._server.logins.begin(
                name,
                self._connection.address,
                self._connection.tls_channel,
                tls=self._session.is_tls,
                bound=self._session.bound_mechanisms,
            )
        except NotOffered as wrong:
            # RFC 4954 §6
            return replies.AUTH_NEEDS_TLS if wrong.needs_tls else replies.AUTH_UNKNOWN
        self._auth = AuthExchange(exchange, self._session, name)
        return self._auth_step(*await self._auth.begin(words[1] if len(words) == 2 else None))

    async def _auth_answer(self, line: bytes) -> Reply:
        assert self._auth is not None
        return self._auth_step(*await self._auth.answer(line))

    def _auth_step(self, answer: Reply, goes_on: bool) -> Reply:
        if goes_on:
            self._engine.expect_line()
        else:
            self._auth = None
        return answer

    # TLS

    async def _starttls(self, argument: bytes) -> Reply | None:
        settings = self._server.settings.server.tls
        if self._session.is_tls:
            return replies.STARTTLS_ACTIVE
        if not settings.starttls or self._connection.listener.context is None:
            return replies.STARTTLS_UNKNOWN
        if argument:
            return replies.STARTTLS_ARGUMENT
        if self._session.user is not None:
            return replies.STARTTLS_LATE
        if self._engine.buffered:
            self._commands.disconnect = True
            return replies.UNABLE
        if await self._connection.start_tls(self._connection.listener.context, replies.STARTTLS_READY.octets):
            self._session.reset()
            self._session.helo = None
            self._note_tls()
        return None

    def _note_tls(self) -> None:
        tls = self._connection.tls
        cipher = tls.cipher() if tls is not None else None
        self._session.tls_protocol = (tls.version() if tls is not None else None) or "TLS"
        self._session.tls_cipher = cipher[0] if cipher else "unknown"
        if self._server.settings.auth_enabled:
            self._session.bound_mechanisms = self._server.settings.auth.bound_to(self._connection.tls_channel)

    # the end

    def _too_many_errors(self, refusal: Reply) -> bool:
        if (refusal.code, refusal.enhanced) == _TOO_MANY:
            self._surplus += 1
            return self._surplus >= MAX_SURPLUS
        self._surplus = 0
        self._errors += 1
        return self._errors >= MAX_ERRORS

    def _failed(self) -> None:
        _log.exception("unexpected error in an SMTP session")
        self._drop_message()
        self._close(replies.UNABLE)

    def _close(self, farewell: Reply | None = None) -> None:
        if farewell is None:
            self._connection.end(b"", "the client has ended its side")
        else:
            self._connection.end(farewell.octets, reply_text(farewell))
