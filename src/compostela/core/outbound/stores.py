"""What an edition keeps for mail that leaves."""

from dataclasses import dataclass

from compostela.core.outbound.sts_ports import StsPolicyStore
from compostela.core.outbound.tls_reports import TlsResultStore
from compostela.core.tracing.ports import TraceStore


@dataclass(frozen=True, slots=True)
class OutboundStores:
    """Policies of other domains, and how TLS went with their servers."""

    sts_policies: StsPolicyStore
    tls_results: TlsResultStore
    traces: TraceStore
    """What happened to mails, of those too that did not leave."""
