"""One try to send a mail."""

import logging
from collections.abc import Callable
from dataclasses import replace

from compostela.core.mail.model import Mail
from compostela.core.outbound.ports import Refusal, SendResult, SmtpSender
from compostela.core.outbound.tls import OPPORTUNISTIC, TlsFailure, TlsFailureType, TlsPolicy, TlsSession
from compostela.core.outbound.tls_policies import TlsPolicies
from compostela.processing.remote_delivery.next_hops import Hop
from compostela.processing.remote_delivery.settings import RemoteDeliverySettings
from compostela.processing.remote_delivery.wishes import wishes_of

_log = logging.getLogger(__name__)


NO_POLICIES = TlsPolicies()


async def attempt(
    mail: Mail,
    hops: list[Hop],
    sender: SmtpSender,
    settings: RemoteDeliverySettings,
    policies: TlsPolicies = NO_POLICIES,
    note: Callable[[Hop, SendResult, TlsSession | None], None] | None = None,
) -> SendResult:
    """Try the next hops in order until each recipient is accepted or permanently refused. `note` is called after each try, with the TLS
    session if a TLS policy was looked up."""
    total = SendResult()
    left = list(mail.recipients)
    wishes = wishes_of(mail)
    for hop in hops:
        _log.debug("delivery attempt", extra={"mail": mail.name, "hop": hop, "recipients": len(left)})
        policy = await _policy(mail, hop, settings, policies)
        if policy.failure is not None and not policy.is_testing and wishes.require_tls is not False:
            refusal = Refusal(0, policy.failure.text, is_of_host=True)
            result = SendResult(refused=dict.fromkeys(left, refusal))
        else:
            result = await sender.send(
                hop.address,
                hop.port,
                mail.sender,
                left,
                mail.content,
                settings.implicit_options if hop.implicit_tls else settings.options,
                wishes,
                name=hop.name,
                tls=policy,
            )
        if note is not None:
            note(hop, result, _session(policy, hop, result))
        if _log.isEnabledFor(logging.DEBUG):
            _tell(mail, hop, result)
        total.delivered += result.delivered
        total.passed_on |= result.passed_on
        for recipient, refusal in result.refused.items():
            before = total.refused.get(recipient)
            if before is None or before.is_permanent or not refusal.is_of_host:
                # what one host never does, another that asked to wait may do later
                total.refused[recipient] = replace(refusal, host=hop.name or hop.address) if refusal.code else refusal
        for recipient in result.delivered:
            total.refused.pop(recipient, None)
        # a refusal for now, or a connection that failed, leaves hope for the next host
        left = [one for one, why in result.refused.items() if why.is_of_host or not why.is_permanent]
        if any(why.leads_back for why in result.refused.values()):
            _log.warning("a next hop leads back to this server", extra={"host": hop.name, "port": hop.port})
            if not settings.gateway_names:
                # the exchangers after this one would hand the mail to it (RFC 5321 §5.1)
                break
        if not left:
            break
    return total


async def _policy(mail: Mail, hop: Hop, settings: RemoteDeliverySettings, policies: TlsPolicies) -> TlsPolicy:
    """Of the domain's exchanger: a gateway is the operator's own choice."""
    if settings.gateway_names or not hop.name or not settings.tls_policies:
        return OPPORTUNISTIC
    return await policies.find(mail.recipients[0].domain, hop.name, hop.port)


def _session(policy: TlsPolicy, hop: Hop, result: SendResult) -> TlsSession | None:
    """How TLS went, None if that is not known or was told before, of the connection's first mail."""
    if policy.failure is not None:
        return TlsSession(policy, hop.name, hop.address, policy.failure)
    if result.tls is None or not result.tls.is_new:
        return None
    failure = result.tls.failure
    if failure is None and not result.tls.is_used:
        failure = TlsFailure(TlsFailureType.STARTTLS_NOT_SUPPORTED, f"{hop.name} offers no TLS")
    return TlsSession(policy, hop.name, hop.address, failure)


def _tell(mail: Mail, hop: Hop, result: SendResult) -> None:
    for recipient in result.delivered:
        _log.debug("delivery accepted", extra={"mail": mail.name, "hop": hop, "recipient": str(recipient)})
    for recipient, refusal in result.refused.items():
        kind = "permanent" if refusal.is_permanent else "for now"
        extra = {"mail": mail.name, "hop": hop, "recipient": str(recipient), "kind": kind, "reply": refusal.text}
        _log.debug("delivery refused", extra=extra)
