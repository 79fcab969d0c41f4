"""Mailets that ask a judge about a mail: SPF of the sender's domain, SpamAssassin, ClamAV, rspamd."""

import logging
from collections.abc import Sequence

from compostela.base.concurrency import side_by_side
from compostela.base.settings import Settings
from compostela.core.filtering.ports import FilterUnavailable, MailFacts, RspamdVerdict
from compostela.core.mail.attributes import HELO, SMTP_AUTH_USER, SPAM_FLAG, SPAM_STATUS
from compostela.core.mail.model import GHOST, Mail
from compostela.core.queue.model import SPOOL
from compostela.mailauth.spf.result import received_spf
from compostela.mime.headers import add_first, field_line
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.header_values import replace_field
from compostela.processing.mailets.spf_check import read_ignored_networks, spf_of
from compostela.processing.pipeline_run import PipelineRun, part_name

_log = logging.getLogger(__name__)

SPF_RESULT = "org.apache.james.transport.mailets.spf.result"
SPF_EXPLANATION = "org.apache.james.transport.mailets.spf.explanation"
INFECTED = "org.apache.james.infected"
INFECTED_HEADER = "X-MessageIsInfected"
RSPAMD_FLAG = "org.apache.james.rspamd.flag"
RSPAMD_STATUS = "org.apache.james.rspamd.status"
_SPAM_ACTIONS = frozenset({"add header", "rewrite subject", "reject"})


class SPF(Mailet):
    """Asks whether the sender's domain, or with the null sender the name given at HELO, lets the client use its name (RFC 7208).
    The result is noted in the attributes `org.apache.james.transport.mailets.spf.result` and `….explanation`, and with `addHeader`
    in a Received-SPF field. Clients in `ignoredNetworks`, by default private ones, are not asked about."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._adds_header = settings.boolean("addHeader", False)
        self._ignored = read_ignored_networks(settings, context)
        settings.ignored("debug")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        found = await spf_of(mail, self.context, self._ignored)
        if found is None:
            return
        identity, result = found
        mail.attributes[SPF_RESULT] = result.code.value
        if result.explanation is not None:
            mail.attributes[SPF_EXPLANATION] = result.explanation
        if self._adds_header:
            text = received_spf(result, identity, self.context.hello_name)
            mail.content = mail.content.with_header(add_first(mail.content.header, field_line("Received-SPF", text)))


class SpamAssassin(Mailet):
    """Has spamd look at the mail and notes what it says in the attributes `org.apache.james.spamassassin.status`
    (`Yes, hits=7.5 required=5.0`) and `….flag` (`YES` or `NO`), and in header fields of these names for each recipient. A mail that
    spamd cannot judge goes on without them."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._scanner = context.scanners.spamd(
            settings.text("spamdHost", "localhost") or "localhost",
            settings.integer("spamdPort", 783, minimum=1, maximum=65535),
            settings.duration("timeout", 30.0, minimum=0.1),
        )

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        try:
            verdict = await self._scanner.scan(mail.content)
        except FilterUnavailable as error:
            _log.warning("a mail was not looked at for spam", extra={"mail": mail.name, "error": str(error)})
            return
        mail.attributes[SPAM_STATUS] = verdict.status
        mail.attributes[SPAM_FLAG] = verdict.flag
        _mark(mail, mail.recipients, ((SPAM_FLAG, verdict.flag), (SPAM_STATUS, verdict.status)))


class ClamAVScan(Mailet):
    """Has clamd look at the mail. A mail with malicious software gets the attribute `org.apache.james.infected` and the field
    `X-MessageIsInfected`, both `true`; others get the attribute with `false`. A mail that clamd cannot judge is an error: see
    `onMailetException`."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        settings.ignored("debug", "maxPings", "pingIntervalMilli")
        self._scanner = context.scanners.clamd(
            settings.text("host", "localhost") or "localhost",
            settings.integer("port", 3310, minimum=1, maximum=65535),
            settings.duration("socketTimeout", 5.0, unit="ms", minimum=0.1),
            settings.integer("streamBufferSize", 8192, minimum=1, maximum=1 << 24),
        )

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        found = await self._scanner.scan(mail.content)
        mail.attributes[INFECTED] = "false" if found is None else "true"
        if found is not None:
            _log.warning("a mail is infected", extra={"mail": mail.name, "virus": found})
            replace_field(mail, INFECTED_HEADER, "true")


class RspamdScanner(Mailet):
    """Has rspamd check the mail. Each recipient's copy gets the fields `org.apache.james.rspamd.flag` (`YES` or `NO`) and `….status`.
    A mail with a virus goes to `virusProcessor`, one that rspamd rejects to `rejectSpamProcessor`; `rewriteSubject` takes over the
    subject that rspamd proposes. With `perUserBayes` rspamd is asked for each recipient alone, and recipients whose mail is rejected
    go on as a mail of their own. URL, password, timeout and `perUserBayes` are those of rspamd.properties unless the mailet has its
    own. A mail that rspamd cannot check is an error: see `onMailetException`."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        common = context.rspamd
        self._rewrites = settings.boolean("rewriteSubject", False)
        self._virus = settings.text("virusProcessor", "")
        self._reject = settings.text("rejectSpamProcessor", "")
        self._is_per_user = settings.boolean("perUserBayes", common.per_user_bayes)
        url = settings.text("rspamdUrl", common.url)
        if not url:
            settings.error("RspamdScanner needs 'rspamdUrl', or rSpamdUrl in rspamd.properties")
        self._judge = context.scanners.rspamd(
            url,
            settings.text("rspamdPassword", common.password),
            settings.duration("rspamdTimeout", common.timeout_seconds, minimum=0.1),
        )
        self.processors = tuple(one for one in (self._virus, self._reject) if one)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if not self._is_per_user:
            verdict = await self._judge.judge(mail.content, _facts(mail))
            mail.state = self._noted(mail, mail.recipients, verdict) or mail.state
            return
        verdicts = await side_by_side(
            mail.recipients, lambda one: self._judge.judge(mail.content, _facts(mail, str(one)))
        )
        away: dict[str, list[MailAddress]] = {}
        staying: list[MailAddress] = []
        for recipient, verdict in zip(mail.recipients, verdicts, strict=True):
            processor = self._noted(mail, [recipient], verdict)
            (away.setdefault(processor, []) if processor else staying).append(recipient)
        for processor, recipients in away.items():
            effect = run.effect(f"rspamd/{processor}", *recipients)
            rest = mail.copy(part_name(mail, effect), recipients)
            rest.state = processor
            await self.context.queues.queue(SPOOL).enqueue(rest, effect=effect)
        mail.recipients = staying
        if not staying:
            mail.state = GHOST

    def _noted(self, mail: Mail, recipients: Sequence[MailAddress], verdict: RspamdVerdict) -> str:
        """Notes the verdict on the mail; returns the processor to which it sends these recipients, "" for none."""
        word = "Yes" if verdict.action in _SPAM_ACTIONS else "No"
        status = f"{word}, actions={verdict.action} score={verdict.score} requiredScore={verdict.required}"
        _mark(mail, recipients, ((RSPAMD_FLAG, word.upper()), (RSPAMD_STATUS, status)))
        if self._rewrites and verdict.subject is not None:
            replace_field(mail, "Subject", verdict.subject)
        if verdict.has_virus and self._virus:
            return self._virus
        return self._reject if verdict.action == "reject" else ""


def _facts(mail: Mail, deliver_to: str = "") -> MailFacts:
    recipients = [deliver_to] if deliver_to else [str(one) for one in mail.recipients]
    return MailFacts(
        name=mail.name,
        sender="" if mail.sender is None else str(mail.sender),
        recipients=recipients,
        address=mail.remote_address,
        helo=str(mail.attributes.get(HELO, "")),
        user=str(mail.attributes.get(SMTP_AUTH_USER, "")),
        deliver_to=deliver_to,
    )


def _mark(mail: Mail, recipients: Sequence[MailAddress], fields: Sequence[tuple[str, str]]) -> None:
    """Sets header fields of the recipients' own copies."""
    names = {name.lower() for name, _ in fields}
    for recipient in recipients:
        others = [one for one in mail.per_recipient_headers.get(recipient, ()) if one[0].lower() not in names]
        mail.per_recipient_headers[recipient] = [*others, *fields]
