"""A login and a send, as a mail program does it: over SMTP to oneself, and over IMAP to see it arrive."""

import asyncio
import base64
import imaplib
import smtplib
import socket
import time
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from compostela.core.autoconfiguration.endpoints import Endpoint, Proxied, Speaks
from compostela.doctor.model import Account, Finding, Severity
from compostela.doctor.subject import Subject
from compostela.doctor.wire.certificates import unverified_context
from compostela.doctor.wire.dialogue import NAME, announced_by_default, proxy_header
from compostela.model.domain import Domain

STEP_SECONDS = 10.0
ARRIVAL_SECONDS = 10.0
POLL_SECONDS = 0.1
_LOGGED_IN = 235
_ERRORS = (OSError, ValueError, smtplib.SMTPException, imaplib.IMAP4.error)


async def check_account(subject: Subject, endpoints: Sequence[Endpoint], account: Account) -> list[Finding]:
    """In a thread: the standard library's clients, which mail programs are written with, are blocking."""
    message_id = make_msgid(domain=subject.host)
    found = []
    smtp, imap = _best(endpoints, Speaks.SMTP), _best(endpoints, Speaks.IMAP)
    if smtp is None:
        found.append(_none("send", "an SMTP server with <auth>", "smtpserver.xml"))
    else:
        found.append(await asyncio.to_thread(_send, smtp, subject, account, message_id))
    sent = bool(found) and found[0].severity is Severity.OK
    if imap is None:
        found.append(_none("read", "an IMAP server", "imapserver.xml"))
    else:
        found.append(await asyncio.to_thread(_read, imap, account, message_id if sent else None))
    return found


def _none(verb: str, what: str, file: str) -> Finding:
    return Finding(
        Severity.ERROR, "account", f"Users cannot {verb} mail here: there is no port for it.", fix=f"{what} in {file}"
    )


def _best(endpoints: Sequence[Endpoint], speaks: Speaks) -> Endpoint | None:
    """As a mail program chooses (RFC 8314 §3): TLS from the beginning, then STARTTLS."""
    fitting = [one for one in endpoints if one.speaks is speaks and one.login]
    return min(fitting, key=lambda one: (not one.implicit, not one.starttls, not one.login_required), default=None)


def _address(subject: Subject, account: Account) -> str:
    """A domain goes in A-labels: then only an internationalised local part needs SMTPUTF8."""
    local, at, domain = account.user.rpartition("@")
    return f"{local}@{Domain.parse(domain)}" if at else f"{account.user}@{subject.default_domain}"


def _message(address: str, message_id: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = address, address, "compostela doctor"
    message["Date"], message["Message-ID"] = formatdate(), message_id
    message.set_content("This mail was sent by 'compostela doctor', which takes it away again when it sees it arrive.")
    return message


def _send(endpoint: Endpoint, subject: Subject, account: Account, message_id: str) -> Finding:
    try:
        address = _address(subject, account)
        message = _message(address, message_id)
        with _Smtp(endpoint) as smtp:
            if endpoint.starttls:
                smtp.starttls(context=unverified_context())
            log_in(smtp, account.user, account.password)
            smtp.send_message(message, address, [address])
    except _ERRORS as error:
        text = f"{account.user} could not send over {endpoint}: {said(error)}."
        return Finding(Severity.ERROR, str(endpoint), text, "So would a mail program fail.")
    return Finding(Severity.OK, str(endpoint), f"{account.user} logged in to {endpoint} and sent a mail.")


def _connection(endpoint: Endpoint) -> socket.socket:
    """With a PROXY header and TLS where they are the beginning."""
    found = socket.create_connection((endpoint.host, endpoint.port), STEP_SECONDS)
    announced = announced_by_default(endpoint)
    header = b"" if announced is None else proxy_header(announced, endpoint.port) + b"\r\n"
    try:
        if endpoint.proxied is not Proxied.INSIDE_TLS:
            found.sendall(header)
        if endpoint.implicit:
            found = unverified_context().wrap_socket(found)
        if endpoint.proxied is Proxied.INSIDE_TLS:
            found.sendall(header)
    except OSError:
        found.close()
        raise
    return found


class _Smtp(smtplib.SMTP):
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        # with a name of our own the library does not look this machine's up in DNS
        super().__init__(endpoint.host, endpoint.port, NAME, timeout=STEP_SECONDS)

    def _get_socket(self, *_: object) -> socket.socket:
        return _connection(self._endpoint)


def log_in(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """By PLAIN where there is one: the library encodes in ASCII, not in UTF-8 (RFC 4616 §2)."""
    smtp.ehlo_or_helo_if_needed()
    if "PLAIN" not in smtp.esmtp_features.get("auth", "").upper().split():
        smtp.login(user, password)
        return
    code, answer = smtp.docmd("AUTH", f"PLAIN {base64.b64encode(_plain(user, password)).decode()}")
    if code != _LOGGED_IN:
        raise smtplib.SMTPAuthenticationError(code, answer)


class _Imap(imaplib.IMAP4):
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        super().__init__(endpoint.host, endpoint.port, timeout=STEP_SECONDS)

    def _create_socket(self, *_: object) -> socket.socket:
        return _connection(self._endpoint)

    def log_in(self, account: Account) -> None:
        """As over SMTP."""
        if "AUTH=PLAIN" in self.capabilities:
            self.authenticate("PLAIN", lambda _: _plain(account.user, account.password))
        else:
            self.login(account.user, account.password)


def _plain(user: str, password: str) -> bytes:
    return f"\0{user}\0{password}".encode()


def _read(endpoint: Endpoint, account: Account, message_id: str | None) -> Finding:
    try:
        with _Imap(endpoint) as imap:
            if endpoint.starttls:
                imap.starttls(unverified_context())
            imap.log_in(account)
            arrived = message_id is not None and _arrives(imap, message_id)
    except _ERRORS as error:
        text = f"{account.user} could not read over {endpoint}: {said(error)}."
        return Finding(Severity.ERROR, str(endpoint), text, "So would a mail program fail.")
    if message_id is None:
        return Finding(Severity.OK, str(endpoint), f"{account.user} logged in to {endpoint}.")
    if not arrived:
        text = f"The mail did not arrive in {account.user}'s INBOX within {ARRIVAL_SECONDS:g} seconds."
        fix = "compostela queue show spool; compostela repository list"
        return Finding(
            Severity.WARNING, str(endpoint), text, "It waits in a queue, or a mailet took it elsewhere.", fix
        )
    return Finding(Severity.OK, str(endpoint), f"{account.user} logged in to {endpoint} and saw the mail arrive.")


def _arrives(imap: imaplib.IMAP4, message_id: str) -> bool:
    """Waits for the mail and takes it away, only it."""
    end = time.monotonic() + ARRIVAL_SECONDS
    imap.select("INBOX")
    while time.monotonic() < end:
        _, answer = imap.uid("SEARCH", "HEADER", "Message-ID", f'"{message_id}"')
        uids = (answer[0] or b"").decode().split()
        if uids:
            # asked for again: a server may tell more after the login
            _, told = imap.capability()
            if b"UIDPLUS" in (told[0] or b"").upper().split():
                imap.uid("STORE", ",".join(uids), "+FLAGS.SILENT", "(\\Deleted)")
                imap.uid("EXPUNGE", ",".join(uids))
            return True
        time.sleep(POLL_SECONDS)
        imap.noop()
    return False


def said(error: Exception) -> str:
    """What the server answered; the password is in none of it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        error = smtplib.SMTPResponseException(*next(iter(error.recipients.values())))
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {text}"[:300].rstrip(".")
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    return (text or type(error).__name__)[:300].rstrip(".")
