"""`compostela send`: a test mail over SMTP."""

import smtplib
import socket
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import click

from compostela.app.cli.client import fail, show
from compostela.doctor.wire.account import log_in, said
from compostela.doctor.wire.certificates import unverified_context

TIMEOUT_SECONDS = 30
NOBODY = "test@sender.invalid"
"""The address in From if no sender is named: no server takes it for one of its own users."""


@click.command()
@click.option("--to", required=True, help="Recipient.")
@click.option(
    "--from", "sender", help="Sender; by default the user who logs in, else the null sender, which any server takes."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="SMTP server.")
@click.option("--port", default=1025, show_default=True, help="Its port.")
@click.option("--subject", default="A test mail", show_default=True, help="Subject.")
@click.option("--body", default="This mail was sent by 'compostela send'.", help="Text.")
@click.option("--tls", is_flag=True, help="TLS from the beginning, as on port 465.")
@click.option("--user", help="Log in as this user, after STARTTLS.")
@click.option("--password", envvar="COMPOSTELA_PASSWORD", help="The user's password.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def send(
    to: str,
    sender: str | None,
    host: str,
    port: int,
    subject: str,
    body: str,
    tls: bool,
    user: str | None,
    password: str | None,
    as_json: bool,
) -> None:
    """Send a test mail and tell what the server answered."""
    try:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender or user or NOBODY, to, subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=socket.gethostname() or "localhost")
        message.set_content(body)
        with _connected(host, port, tls=tls) as smtp:
            if user:
                if not tls:
                    smtp.starttls(context=unverified_context())
                log_in(smtp, user, password or "")
            smtp.send_message(message, sender or user or "", [to])
    except (OSError, ValueError, smtplib.SMTPException) as error:
        fail(f"the mail was not taken by {host}:{port}: {said(error)}")
    show({"messageId": message["Message-ID"], "to": to}, as_json, f"the mail for {to} was accepted and is safe")


def _connected(host: str, port: int, *, tls: bool) -> smtplib.SMTP:
    if tls:
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=unverified_context())
    return smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
