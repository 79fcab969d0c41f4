"""The task that sends TLS reports (RFC 8460 §5)."""

import logging
from dataclasses import dataclass
from typing import Protocol

from compostela.base.errors import CompostelaError, InvalidArgument, TemporaryFailure
from compostela.core.dns.ports import DnsResolver, DnsTemporaryFailure
from compostela.core.mail.attributes import REQUIRE_TLS
from compostela.core.mail.own import own_mail
from compostela.core.outbound.tls_report_form import TlsReport
from compostela.core.outbound.tls_reports import DAY_SECONDS, TlsResultStore, receivers_of
from compostela.core.queue.model import SPOOL
from compostela.core.queue.ports import MailQueues
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress

_log = logging.getLogger(__name__)

REPORTED_DAYS = 7
"""Of earlier days no report is sent."""
GRACE_SECONDS = 3600.0
"""After the end of a day: every process has written its counts by then."""
REPORT_TYPE = "application/tlsrpt+gzip"


class ReportNotPosted(TemporaryFailure):
    """No web server took the report."""


class ReportPoster(Protocol):
    """Posts reports over HTTPS (RFC 8460 §5.4). Embedded and distributed alike: nothing is kept, and a report that is posted twice
    arrives twice."""

    async def post(self, url: str, media_type: str, octets: bytes) -> None:
        """Returns when the server has answered with 2xx. Bounded in time, follows no redirection. Raises `ReportNotPosted`."""
        ...


@dataclass(frozen=True, slots=True)
class SendTlsReports:
    days: int = REPORTED_DAYS
    """How many days back reports are sent that could not be sent before."""


class SendTlsReportsTask(TaskRunner[SendTlsReports]):
    """Sends a report for each day that is over and each domain that asks for it, and forgets what was reported. A run that is cut
    off may send the last report again, with the same id."""

    name = "send-tls-reports"
    arguments = SendTlsReports

    def __init__(
        self,
        results: TlsResultStore,
        dns: DnsResolver,
        queues: MailQueues,
        poster: ReportPoster,
        organisation: str,
        contact: MailAddress,
    ) -> None:
        """`organisation` is this server's name; `contact` is the sender of reports by mail."""
        self._results = results
        self._dns = dns
        self._queues = queues
        self._poster = poster
        self._organisation = organisation
        self._contact = contact

    async def describe(self, arguments: SendTlsReports) -> Json:
        return _information(arguments, 0, 0)

    async def run(self, arguments: SendTlsReports, context: TaskContext) -> None:
        today = int((context.now() - GRACE_SECONDS) // DAY_SECONDS)
        sent = failed = 0
        for day in range(today - arguments.days, today):
            for domain in await self._results.domains(day):
                if await self._report(day, domain, context.now()):
                    sent += 1
                else:
                    failed += 1
                await context.report(_information(arguments, sent, failed))

    async def _report(self, day: int, domain: Domain, now: float) -> bool:
        """False if it is to be tried again. A domain that asks for no report any more has its results removed."""
        report = TlsReport(
            self._organisation, str(self._contact), domain, day, await self._results.results(day, domain)
        )
        try:
            receivers = await receivers_of(domain, self._dns)
        except DnsTemporaryFailure:
            return False
        outcomes = [await self._send(report, receiver, now) for receiver in receivers]
        if receivers and not any(outcomes):
            return False
        await self._results.remove(day, domain)
        return True

    async def _send(self, report: TlsReport, receiver: str, now: float) -> bool:
        try:
            if receiver.startswith("mailto:"):
                await self._mail(report, MailAddress.parse(receiver.removeprefix("mailto:").partition("?")[0]), now)
            else:
                await self._poster.post(receiver, REPORT_TYPE, report.compressed())
        except (InvalidArgument, CompostelaError) as error:
            _log.warning(
                "a TLS report cannot be sent: %s", error, extra={"domain": report.domain, "receiver": receiver}
            )
            return False
        return True

    async def _mail(self, report: TlsReport, to: MailAddress, now: float) -> None:
        # one hyphen: parts of a mail are told by what comes after the second
        name = f"TlsReport-{report.id.partition('@')[0]}"
        mail = own_mail(name, self._contact, [to], report.mail(str(to), now), now)
        # a report of failures must arrive in spite of them (RFC 8460 §3)
        mail.attributes[REQUIRE_TLS] = False
        await self._queues.queue(SPOOL).enqueue(mail)


def _information(arguments: SendTlsReports, sent: int, failed: int) -> Json:
    return {"days": arguments.days, "sentReportCount": sent, "failedReportCount": failed}
