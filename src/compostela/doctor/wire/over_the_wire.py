"""All checks that talk to the server's own ports. They wait for each other: a server with a small limit of connections from
one address is not to count them against real clients."""

from collections.abc import Sequence
from functools import partial

from compostela.core.autoconfiguration.endpoints import Endpoint, Speaks
from compostela.doctor.model import Account, Check, Finding, Severity
from compostela.doctor.subject import Subject
from compostela.doctor.wire.account import check_account
from compostela.doctor.wire.ports import Answer, check_ports, is_running
from compostela.doctor.wire.relay import check_relay
from compostela.doctor.wire.served_certificates import check_certificates
from compostela.doctor.wire.tls_strength import check_clear_passwords, check_tls_strength


def wire_checks(
    subject: Subject, answers: Sequence[Answer], public: Sequence[str], account: Account | None
) -> list[Check]:
    """`answers` tell which ports are there to be examined."""
    answering = [one.endpoint for one in answers if not one.problem]
    checks = [
        Check("ports", "server", partial(check_ports, subject, answers, public)),
        Check("certificate", subject.host, partial(check_certificates, subject, answering), in_turn=True),
    ]
    for endpoint in answering:
        checks += _of(endpoint, subject)
    if is_running(answers):
        checks.append(
            Check("account", "account", _no_account)
            if account is None
            else Check("account", account.user, partial(check_account, subject, answering, account), in_turn=True)
        )
    return checks


def _of(endpoint: Endpoint, subject: Subject) -> list[Check]:
    about = str(endpoint)
    found = [Check("passwords", about, partial(check_clear_passwords, endpoint), in_turn=True)]
    if endpoint.encrypted or endpoint.speaks is not Speaks.LMTP:
        # LMTP is mostly spoken on the machine itself, without TLS
        found.append(Check("tls", about, partial(check_tls_strength, endpoint), in_turn=True))
    if endpoint.speaks.takes_mail:
        found.append(Check("relay", about, partial(check_relay, subject, endpoint), in_turn=True))
    return found


async def _no_account() -> list[Finding]:
    text = "A login and a send were not tried: no user was given."
    return [Finding(Severity.INFO, "account", text, fix="compostela doctor --user NAME")]
