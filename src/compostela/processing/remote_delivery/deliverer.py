"""Workers of the outgoing queue: try, try again later, and at the end tell the sender."""

import logging

from compostela.base.log import trace_id
from compostela.base.metrics import counter
from compostela.core.mail import notification
from compostela.core.mail.attributes import (
    DELIVERY_ERROR,
    DELIVERY_ERROR_CODE,
    DELIVERY_REMOTE_MTA,
    DELIVERY_RETRIES,
    DELIVERY_STATUS,
    DELIVERY_WAIT,
    DSN_DELAY_REPORTED,
    DSN_NOTIFY,
    IS_DELIVERY_PERMANENT_ERROR,
)
from compostela.core.mail.model import ERROR, Mail
from compostela.core.outbound.ports import Refusal, SendResult
from compostela.core.outbound.tls import TlsSession
from compostela.core.queue.model import SPOOL
from compostela.core.queue.ports import QueueItem
from compostela.model.mail_address import MailAddress
from compostela.processing.delivery_reports import DELAYED, RELAYED, enqueue_report
from compostela.processing.mailet import MailetContext
from compostela.processing.parking import Parking
from compostela.processing.pipeline_run import PipelineRun, part_name
from compostela.processing.remote_delivery.attempt import attempt
from compostela.processing.remote_delivery.destinations import Destinations
from compostela.processing.remote_delivery.next_hops import Hop, NextHops, Routes
from compostela.processing.remote_delivery.settings import RemoteDeliverySettings

_log = logging.getLogger(__name__)

_sent = counter("remoteDeliveredMails", "Mails that a next hop has taken")
_retried = counter("remoteDeliveryRetries", "Deliveries that will be tried again")
_failed = counter("remoteDeliveryFailures", "Mails that could not be delivered")


class Deliverer:
    """One for all workers of a queue; each worker has one mail in its hands."""

    def __init__(
        self,
        settings: RemoteDeliverySettings,
        context: MailetContext,
        routes: Routes | None = None,
        workers: int | None = None,
    ) -> None:
        """`routes` and `workers` stand in for what the settings say."""
        self._settings = settings
        self._context = context
        self._parking = Parking(context.repositories, context.error_repository, context.tracer)
        self._hops = routes or NextHops(settings, context.dns, context.own)
        self._destinations = Destinations(workers or settings.workers, context.clock)

    async def deliver(self, item: QueueItem) -> None:
        """One try; then the entry is done or waits for the next one."""
        mail = item.mail
        trace_id.set(mail.trace_id)
        if await self._parking.park_killer(item):
            return
        destination = "" if self._settings.gateway_names else mail.recipients[0].domain.name
        if (put_back_at := self._flushed_since(mail)) is not None:
            self._destinations.lift(destination, put_back_at)
        if (seconds := self._destinations.wait_seconds(destination)) > 0 and destination:
            _log.debug("delivery waits for its destination", extra={"mail": mail.name, "seconds": seconds})
            await self._put_back(item, mail, seconds)
            return
        result = await self._tried(mail, destination)
        run = PipelineRun(item.entry).at("remote-delivery", passed=_retries(mail))
        if result.delivered:
            _sent.inc()
            _log.info("mail sent", extra={"mail": mail.name, "recipients": len(result.delivered)})
            await self._succeeded(mail, result, run)
        for refusal, recipients in _grouped(result, permanent=True).items():
            await self._bounce(mail, recipients, refusal, run, permanent=True)
        await self._later(item, mail, _grouped(result, permanent=False), run)

    async def _tried(self, mail: Mail, destination: str) -> SendResult:
        result = None
        self._destinations.begin(destination)
        try:
            result = await self._send(mail)
        finally:
            self._destinations.end(destination, result, self._delay(_retries(mail)))
        return result

    async def _put_back(self, item: QueueItem, mail: Mail, seconds: float) -> None:
        now = self._context.clock.now()
        mail.attributes[DELIVERY_WAIT] = [now, now + seconds]
        await item.retry(mail, seconds)

    def _flushed_since(self, mail: Mail) -> float | None:
        """When a mail was put back (epoch seconds) that comes before its time, because an administrator flushed the queue; else None."""
        match mail.attributes.get(DELIVERY_WAIT):
            case [float(put_back_at), float(due_at)] if self._context.clock.now() < due_at:
                return put_back_at
            case _:
                return None

    def _delay(self, retries: int) -> float:
        """Seconds before the next try, after so many."""
        delays = self._settings.delays
        return delays[min(retries, len(delays) - 1)] if delays else 0.0

    async def _send(self, mail: Mail) -> SendResult:
        domain = mail.recipients[0].domain
        hops = await self._hops.find(domain)
        if _log.isEnabledFor(logging.DEBUG):
            found = hops.text if isinstance(hops, Refusal) else " ".join(map(str, hops))
            _log.debug("next hops", extra={"mail": mail.name, "domain": str(domain), "hops": found})
        if isinstance(hops, Refusal):
            self._context.tracer.note(mail, "attempt", str(domain), "", mail.recipients, (hops.text,))
            return SendResult(refused=dict.fromkeys(mail.recipients, hops))

        def note(hop: Hop, tried: SendResult, session: TlsSession | None) -> None:
            self._note_attempt(mail, hop, tried)
            if session is not None and not self._settings.gateway_names:
                self._context.tls_results.note(domain, session)

        return await attempt(mail, hops, self._context.sender, self._settings, self._context.tls_policies, note)

    def _note_attempt(self, mail: Mail, hop: Hop, tried: SendResult) -> None:
        tracer = self._context.tracer
        if tried.delivered:
            # a policy that is only tested may have failed all the same
            how = "with" if tried.tls is not None and tried.tls.is_used else "without"
            tracer.note(mail, "end", str(hop), "RemoteDelivery", tried.delivered, (f"sent {how} TLS",))
        for permanent in (True, False):
            for refusal, recipients in _grouped(tried, permanent=permanent).items():
                tracer.note(mail, "attempt", str(hop), "RemoteDelivery", recipients, (refusal.text,))

    async def _later(
        self, item: QueueItem, mail: Mail, deferred: dict[Refusal, list[MailAddress]], run: PipelineRun
    ) -> None:
        recipients = [recipient for group in deferred.values() for recipient in group]
        if not recipients:
            await item.done()
            return
        retries = _retries(mail)
        refusal = next(iter(deferred))
        limit = self._settings.max_dns_retries if refusal.is_unknown_domain else None
        if retries >= (len(self._settings.delays) if limit is None else limit):
            for reason, group in deferred.items():
                text = f"Too many retries failure. Bouncing after {retries} retries. {reason.text}"
                await self._bounce(mail, group, reason, run, permanent=False, told=text)
            await item.done()
            return
        again = mail.copy(mail.name, recipients)
        again.attributes[DELIVERY_RETRIES] = retries + 1
        again.attributes[IS_DELIVERY_PERMANENT_ERROR] = False
        again.error_message = refusal.text
        again.last_updated_at = self._context.clock.now()
        await self._tell_of_delay(again, refusal, run)
        _retried.inc()
        delay = self._delay(retries)
        _log.info(
            "delivery deferred: %s", refusal.text, extra={"mail": mail.name, "retry": retries + 1, "delay": delay}
        )
        self._context.tracer.note(
            again, "deferred", "", "RemoteDelivery", recipients, (f"for {delay:g} s: {refusal.text}",)
        )
        await self._put_back(item, again, delay)

    async def _succeeded(self, mail: Mail, result: SendResult, run: PipelineRun) -> None:
        """A sender that asked for a success report gets it from the next hop, or else a report that the mail was relayed
        (RFC 3461 §5.2.2)."""
        if self._settings.on_success is not None:
            await self._to_processor(mail, result.delivered, self._settings.on_success, run, result.passed_on)
        elif DSN_NOTIFY in mail.attributes:
            untold = [one for one in result.delivered if one not in result.passed_on]
            await enqueue_report(mail, untold, RELAYED, self._context, run)

    async def _tell_of_delay(self, mail: Mail, refusal: Refusal, run: PipelineRun) -> None:
        """Report the delay, once, to a sender that asked for it."""
        if DSN_NOTIFY not in mail.attributes or mail.attributes.get(DSN_DELAY_REPORTED):
            return
        if self._context.clock.now() - mail.arrived_at >= self._settings.delay_notice_seconds:
            await enqueue_report(mail, mail.recipients, DELAYED, self._context, run, refusal)
            mail.attributes[DSN_DELAY_REPORTED] = True

    async def _bounce(
        self,
        mail: Mail,
        recipients: list[MailAddress],
        refusal: Refusal,
        run: PipelineRun,
        *,
        permanent: bool,
        told: str | None = None,
    ) -> None:
        """`told` is for people; the reply itself is what a report quotes for programs."""
        told = told or refusal.text
        _failed.inc()
        _log.info("delivery failed: %s", told, extra={"mail": mail.name, "recipients": len(recipients)})
        self._context.tracer.note(mail, "failed", "", "RemoteDelivery", recipients, (told,))
        effect = run.effect("bounce", *recipients)
        bounce = mail.copy(part_name(mail, effect), recipients)
        bounce.error_message = told
        bounce.last_updated_at = self._context.clock.now()
        bounce.attributes[DELIVERY_ERROR] = refusal.text
        bounce.attributes[IS_DELIVERY_PERMANENT_ERROR] = permanent
        if refusal.code:
            bounce.attributes[DELIVERY_ERROR_CODE] = refusal.code
        # empty too: the mail may have the status of an earlier refusal
        bounce.attributes[DELIVERY_STATUS] = refusal.enhanced
        if refusal.host:
            bounce.attributes[DELIVERY_REMOTE_MTA] = refusal.host
        bounce.state = self._settings.bounce_processor or ERROR
        await self._context.queues.queue(SPOOL).enqueue(bounce, effect=effect)

    async def _to_processor(
        self, mail: Mail, recipients: list[MailAddress], state: str, run: PipelineRun, told: set[MailAddress]
    ) -> None:
        effect = run.effect(state, *recipients)
        part = mail.copy(part_name(mail, effect), recipients)
        notification.forget(part, told)
        part.state = state
        await self._context.queues.queue(SPOOL).enqueue(part, effect=effect)


def _retries(mail: Mail) -> int:
    retries = mail.attributes.get(DELIVERY_RETRIES, 0)
    return retries if isinstance(retries, int) else 0


def _grouped(result: SendResult, *, permanent: bool) -> dict[Refusal, list[MailAddress]]:
    """Recipients by what was said of them."""
    groups: dict[Refusal, list[MailAddress]] = {}
    for recipient, refusal in result.refused.items():
        if refusal.is_permanent is permanent:
            groups.setdefault(refusal, []).append(recipient)
    return groups
