"""DMARC: whether the mail is authenticated for its author's domain (RFC 7489)."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean, Many, Text
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.attributes import SENT_BY_MAILET, SMTP_AUTH_USER
from compostela.core.mail.model import Mail
from compostela.core.networks import is_in
from compostela.mailauth.arc.chain import ChainStatus
from compostela.mailauth.arc.verification import ArcResult
from compostela.mailauth.dkim.verification import DkimResult, DkimStatus
from compostela.mailauth.dmarc.domains import NoAuthor, author_domain
from compostela.mailauth.dmarc.evaluation import Authenticated, DmarcCode, DmarcResult, evaluate
from compostela.mailauth.dmarc.record import Policy
from compostela.mailauth.dns import a_labels
from compostela.mailauth.spf.result import SpfCode, SpfIdentity, SpfResult
from compostela.mime.authentication_results import FIELD, MethodResult, results_text, without_results_of
from compostela.mime.headers import add_first, field_line
from compostela.model.domain import Domain
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.arc import RESULTS, arc_of, arc_result
from compostela.processing.mailets.dkim import dkim_of
from compostela.processing.mailets.spf_check import ClientSettings, read_ignored, spf_of
from compostela.processing.pipeline_run import PipelineRun

DMARC_RESULT = "compostela.dmarc.result"
DMARC_DISPOSITION = "compostela.dmarc.disposition"
DMARC_DOMAIN = "compostela.dmarc.domain"


def _signer(text: str) -> str:
    return a_labels(Domain.parse(text).name)


@dataclass(frozen=True, slots=True)
class DMARCSettings(ClientSettings):
    """Parameters of `DMARC`."""

    adds_header: Annotated[bool, Boolean("addHeader")] = True
    """Whether the mail gets an Authentication-Results field, and loses those that pretend to be of this server."""
    reject_processor: Annotated[str, Text("rejectProcessor")] = ""
    """Processor for mail to be rejected; without it the mail goes on."""
    quarantine_processor: Annotated[str, Text("quarantineProcessor")] = ""
    """Processor for mail to be quarantined; without it the mail goes on."""
    trusted: Annotated[frozenset[str], Many("trustedSealers", _signer, frozenset)] = frozenset()
    """Domains whose ARC seals excuse a mail that fails."""


class DMARC(Mailet):
    """Checks SPF, DKIM and ARC, and whether one of the first two speaks for the domain of the From field, in DMARC's sense (RFC 7489).
    Attributes: `compostela.dmarc.result` (`none`, `pass`, `fail`, `temperror`, `permerror`), `….domain`, that of the author, and
    `….disposition`, what its record asks to be done with this very mail: `none`, `quarantine` or `reject`, `pct` and `sp`
    considered. Mail to be rejected goes to `rejectProcessor`, mail to be quarantined to `quarantineProcessor`, if they are set.

    With `addHeader` (the default) the mail gets an Authentication-Results field (RFC 8601), and fields that pretend to be of this
    server are taken out. A mail that fails keeps its way (disposition `none`) if its chain of ARC seals holds and all sealers are among
    `trustedSealers`. Mail of users who have logged in, mail that this server makes or forwards, and mail of clients in
    `ignoredNetworks`, by default private ones, is not looked at."""

    parameters = DMARCSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(DMARCSettings, settings, ignored=read_ignored(settings, context))
        self._ignored, self._adds_header, self._trusted = made.all_ignored, made.adds_header, made.trusted
        self._processors = {Policy.REJECT: made.reject_processor, Policy.QUARANTINE: made.quarantine_processor}
        self.processors = tuple(one for one in self._processors.values() if one)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        server = self.context.hello_name
        is_own = SENT_BY_MAILET in mail.attributes
        if is_own and DMARC_RESULT in mail.attributes:
            # a forward of a mail that was looked at: its sender is ours now, and so is its field
            return
        if self._adds_header:
            header = without_results_of(mail.content.header, server)
            if header != mail.content.header:
                mail.content = mail.content.with_header(header)
        if is_own or SMTP_AUTH_USER in mail.attributes or is_in(mail.remote_address, self._ignored):
            return
        spf, dkim = await spf_of(mail, self.context, self._ignored), await dkim_of(mail, self.context)
        arc = await arc_of(mail, self.context)
        result = await self._evaluated(mail, spf, dkim)
        is_excused = self._is_trusted(arc)
        disposition = Policy.NONE if is_excused else result.disposition
        mail.attributes[DMARC_RESULT] = result.code.value
        mail.attributes[DMARC_DOMAIN] = result.domain
        mail.attributes[DMARC_DISPOSITION] = disposition.value
        text = results_text(server, _results(spf, dkim, arc, result, disposition))
        mail.attributes[RESULTS] = text
        if self._adds_header:
            mail.content = mail.content.with_header(add_first(mail.content.header, field_line(FIELD, text)))
        mail.state = self._processors.get(disposition, "") or mail.state

    async def _evaluated(
        self, mail: Mail, spf: tuple[SpfIdentity, SpfResult] | None, dkim: Sequence[DkimResult]
    ) -> DmarcResult:
        try:
            author = author_domain(mail.content.header)
        except NoAuthor as error:
            return DmarcResult(DmarcCode.PERMERROR, problem=str(error))
        identity, checked = spf if spf is not None else (None, None)
        is_spf_pass = identity is not None and checked is not None and checked.code is SpfCode.PASS
        found = Authenticated(
            spf=a_labels(identity.domain.lower()) if identity is not None and is_spf_pass else "",
            dkim=[one.domain for one in dkim if one.status is DkimStatus.PASS],
            unsure=(checked is not None and checked.code is SpfCode.TEMPERROR)
            or any(one.status is DkimStatus.TEMPERROR for one in dkim),
        )
        # the same again if the mail is processed again
        sample = zlib.crc32(mail.name.encode()) % 100
        return await evaluate(author, found, self.context.authentication_dns, sample=sample)

    def _is_trusted(self, arc: ArcResult) -> bool:
        return arc.status is ChainStatus.PASS and self._trusted.issuperset(arc.sealers)


def _results(
    spf: tuple[SpfIdentity, SpfResult] | None,
    dkim: Sequence[DkimResult],
    arc: ArcResult,
    dmarc: DmarcResult,
    disposition: Policy,
) -> list[MethodResult]:
    found = []
    if spf is not None:
        identity, result = spf
        name = "smtp.helo" if identity.sender is None else "smtp.mailfrom"
        found.append(MethodResult("spf", result.code.value, ((name, identity.domain),)))
    found += [
        MethodResult("dkim", one.status.value, (("header.d", one.domain), ("header.s", one.selector)), one.reason)
        for one in dkim
    ]
    if arc.status is not ChainStatus.NONE:
        found.append(arc_result(arc))
    policy = (
        ("header.from", dmarc.domain),
        ("policy.dmarc", dmarc.policy.value),
        ("policy.disposition", disposition.value),
    )
    return [*found, MethodResult("dmarc", dmarc.code.value, policy, dmarc.problem)]
