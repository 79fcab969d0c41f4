"""Mailets for mail that is passed on: the chain of those that handled it before (ARC, RFC 8617)."""

import logging

from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.mailauth.arc.chain import ChainStatus
from compostela.mailauth.arc.sealing import ArcSealer
from compostela.mailauth.arc.verification import ArcResult, ArcVerification
from compostela.mime.authentication_results import MethodResult, results_text
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.dkim import SigningSettings, signer_of
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)

ARC_RESULT, ARC_SEALERS = "compostela.arc.result", "compostela.arc.sealers"
RESULTS = "compostela.authentication.results"
"""What this server found out about the mail, in the form of an Authentication-Results field."""


async def arc_of(mail: Mail, context: MailetContext) -> ArcResult:
    verification = await ArcVerification.of(mail.content.header)
    digests = await mail.content.body.apply(verification.body_digests)
    return await verification.conclude(digests, context.authentication_dns, context.clock.now())


def arc_result(result: ArcResult) -> MethodResult:
    return MethodResult("arc", result.status.value, reason=result.reason)


class ARCVerify(Mailet):
    """Notes in attributes what the chain of ARC seals is worth: `compostela.arc.result` (`none`, `pass` or `fail`) and, for a chain
    that holds,
    `compostela.arc.sealers`, the domains that sealed it, from the first to the last."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        result = await arc_of(mail, self.context)
        mail.attributes[ARC_RESULT] = result.status.value
        mail.attributes[ARC_SEALERS] = list(result.sealers)
        if result.reason:
            _log.info("a chain of ARC seals is broken", extra={"mail": mail.name, "reason": result.reason})


class ARCSign(Mailet):
    """Seals mail that is passed on to others, with what this server found out about it: the results of a `DMARC` mailet before, or
    else of the chain alone. What changes the message afterwards breaks the seal: let it be the last before `RemoteDelivery`.
    Parameters are those of
    `DKIMSign`; `d=` is one of your domains, and `h=` has no ARC fields. A chain that an earlier handler called broken, one of 50
    sets, and one whose keys cannot be had for now get no further set."""

    parameters = SigningSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._sealer = signer_of(read(SigningSettings, settings), self, ArcSealer, "ARCSign cannot seal")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        header, now = mail.content.header, self.context.clock.now()
        verification, sealer = await ArcVerification.of(header), self._sealer
        if sealer is None or not verification.may_be_sealed:
            return
        digests = await mail.content.body.apply(verification.body_digests)
        found = await verification.conclude(digests, self.context.authentication_dns, now)
        if found.temporary:
            _log.warning("a mail is not sealed", extra={"mail": mail.name, "reason": found.reason})
            return
        results = str(mail.attributes.get(RESULTS, "")) or self._own_results(found)
        sealed = await mail.content.body.apply(lambda body: sealer.seal(header, body, results, found.status, now))
        mail.content = mail.content.with_header(sealed)

    def _own_results(self, found: ArcResult) -> str:
        known = [] if found.status is ChainStatus.NONE else [arc_result(found)]
        return results_text(self.context.hello_name, known)
