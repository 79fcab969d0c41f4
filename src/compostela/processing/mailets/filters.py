"""Mailets that ask a judge about a mail: SPF of the sender's domain, SpamAssassin, ClamAV, rspamd."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Self

from compostela.base.concurrency import side_by_side
from compostela.base.declarations import Boolean, Duration, Integer, Parsed, Text
from compostela.base.declared import Declared, Group, read
from compostela.base.settings import Settings
from compostela.core.filtering.ports import FilterUnavailable, MailFacts, RspamdVerdict
from compostela.core.filtering.settings import RspamdSettings, SpamdSettings
from compostela.core.mail.attributes import HELO, SMTP_AUTH_USER, SPAM_FLAG, SPAM_STATUS
from compostela.core.mail.model import GHOST, Mail
from compostela.core.queue.model import SPOOL
from compostela.mailauth.spf.result import received_spf
from compostela.mime.headers import add_first, field_line
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.header_values import replace_field
from compostela.processing.mailets.spf_check import ClientSettings, read_ignored, spf_of
from compostela.processing.pipeline_run import PipelineRun, part_name

_log = logging.getLogger(__name__)

SPF_RESULT = "org.apache.james.transport.mailets.spf.result"
SPF_EXPLANATION = "org.apache.james.transport.mailets.spf.explanation"
INFECTED = "org.apache.james.infected"
INFECTED_HEADER = "X-MessageIsInfected"
RSPAMD_FLAG = "org.apache.james.rspamd.flag"
RSPAMD_STATUS = "org.apache.james.rspamd.status"
_SPAM_ACTIONS = frozenset({"add header", "rewrite subject", "reject"})
_RSPAMD = RspamdSettings()


@dataclass(frozen=True, slots=True)
class SPFSettings(ClientSettings):
    """Parameters of `SPF`."""

    WITHOUT_EFFECT = ("debug",)

    adds_header: Annotated[bool, Boolean("addHeader")] = False
    """Whether the mail gets a Received-SPF field."""


class SPF(Mailet):
    """Asks whether the sender's domain, or with the null sender the name given at HELO, lets the client use its name (RFC 7208).
    The result is noted in the attributes `org.apache.james.transport.mailets.spf.result` and `….explanation`, and with `addHeader`
    in a Received-SPF field. Clients in `ignoredNetworks`, by default private ones, are not asked about."""

    parameters = SPFSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(SPFSettings, settings, ignored=read_ignored(settings, context))
        self._adds_header, self._ignored = made.adds_header, made.all_ignored

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


@dataclass(frozen=True, slots=True)
class SpamAssassinSettings:
    """Parameters of `SpamAssassin`."""

    spamd: Annotated[SpamdSettings, Group()]
    timeout_seconds: Annotated[float, Duration("timeout", minimum=0.1)] = 30.0
    """How long an answer may take."""


class SpamAssassin(Mailet):
    """Has spamd look at the mail and notes what it says in the attributes `org.apache.james.spamassassin.status`
    (`Yes, hits=7.5 required=5.0`) and `….flag` (`YES` or `NO`), and in header fields of these names for each recipient. A mail that
    spamd cannot judge goes on without them."""

    parameters = SpamAssassinSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(SpamAssassinSettings, settings)
        self._scanner = context.scanners.spamd(made.spamd.host, made.spamd.port, made.timeout_seconds)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        try:
            verdict = await self._scanner.scan(mail.content)
        except FilterUnavailable as error:
            _log.warning("a mail was not looked at for spam", extra={"mail": mail.name, "error": str(error)})
            return
        mail.attributes[SPAM_STATUS] = verdict.status
        mail.attributes[SPAM_FLAG] = verdict.flag
        _mark(mail, mail.recipients, ((SPAM_FLAG, verdict.flag), (SPAM_STATUS, verdict.status)))


@dataclass(frozen=True, slots=True)
class ClamAVScanSettings(Declared):
    """Parameters of `ClamAVScan`."""

    WITHOUT_EFFECT = ("debug", "maxPings", "pingIntervalMilli")

    host: Annotated[str, Parsed("host", str)] = "localhost"
    """Host of clamd."""
    port: Annotated[int, Integer("port", minimum=1, maximum=65_535)] = 3310
    """Its port."""
    timeout_seconds: Annotated[float, Duration("socketTimeout", unit="ms", minimum=0.1)] = 5.0
    """How long an answer may take."""
    buffer_bytes: Annotated[int, Integer("streamBufferSize", minimum=1, maximum=1 << 24)] = 8192
    """Octets of a piece of the mail that is sent at once."""


class ClamAVScan(Mailet):
    """Has clamd look at the mail. A mail with malicious software gets the attribute `org.apache.james.infected` and the field
    `X-MessageIsInfected`, both `true`; others get the attribute with `false`. A mail that clamd cannot judge is an error: see
    `onMailetException`."""

    parameters = ClamAVScanSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(ClamAVScanSettings, settings)
        self._scanner = context.scanners.clamd(made.host, made.port, made.timeout_seconds, made.buffer_bytes)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        found = await self._scanner.scan(mail.content)
        mail.attributes[INFECTED] = "false" if found is None else "true"
        if found is not None:
            _log.warning("a mail is infected", extra={"mail": mail.name, "virus": found})
            replace_field(mail, INFECTED_HEADER, "true")


@dataclass(frozen=True, slots=True)
class RspamdScannerSettings(Declared):
    """Parameters of `RspamdScanner`. Those that rspamd.properties has too are by default as there."""

    rewrites_subject: Annotated[bool, Boolean("rewriteSubject")] = False
    """Whether the mail gets the subject that rspamd proposes."""
    virus_processor: Annotated[str, Text("virusProcessor")] = ""
    """Processor for mails with a virus; without it they go on."""
    spam_processor: Annotated[str, Text("rejectSpamProcessor")] = ""
    """Processor for mails that rspamd rejects; without it they go on."""
    per_user_bayes: Annotated[bool, Boolean("perUserBayes")] = _RSPAMD.per_user_bayes
    """Whether rspamd is asked for each recipient alone."""
    url: Annotated[str, Text("rspamdUrl")] = _RSPAMD.url
    """URL of rspamd's normal worker, by default that in rspamd.properties."""
    password: Annotated[str, Text("rspamdPassword")] = field(default=_RSPAMD.password, repr=False)
    """The password of that worker."""
    timeout_seconds: Annotated[float, Duration("rspamdTimeout", minimum=0.1)] = _RSPAMD.timeout_seconds
    """How long an answer may take."""

    def completed(self, settings: Settings) -> Self:
        if not self.url:
            settings.error("RspamdScanner needs 'rspamdUrl', or rSpamdUrl in rspamd.properties")
        return self


class RspamdScanner(Mailet):
    """Has rspamd check the mail. Each recipient's copy gets the fields `org.apache.james.rspamd.flag` (`YES` or `NO`) and `….status`.
    A mail with a virus goes to `virusProcessor`, one that rspamd rejects to `rejectSpamProcessor`; `rewriteSubject` takes over the
    subject that rspamd proposes. With `perUserBayes` rspamd is asked for each recipient alone, and recipients whose mail is rejected
    go on as a mail of their own. URL, password, timeout and `perUserBayes` are those of rspamd.properties unless the mailet has its
    own. A mail that rspamd cannot check is an error: see `onMailetException`."""

    parameters = RspamdScannerSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        common = context.rspamd
        defaults = {name: getattr(common, name) for name in ("url", "password", "timeout_seconds", "per_user_bayes")}
        self._settings = made = read(RspamdScannerSettings, settings, defaults)
        self._judge = context.scanners.rspamd(made.url, made.password, made.timeout_seconds)
        self.processors = tuple(one for one in (made.virus_processor, made.spam_processor) if one)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if not self._settings.per_user_bayes:
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
        if self._settings.rewrites_subject and verdict.subject is not None:
            replace_field(mail, "Subject", verdict.subject)
        if verdict.has_virus and self._settings.virus_processor:
            return self._settings.virus_processor
        return self._settings.spam_processor if verdict.action == "reject" else ""


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
