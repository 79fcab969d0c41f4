"""What tests about dane share."""

from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.outbound.ports import SendResult
from compostela.core.outbound.tls import TlsSession
from compostela.core.outbound.tls_policies import TlsPolicies
from compostela.net.outbound.client import SmtpClient
from compostela.processing.remote_delivery.attempt import attempt
from compostela.processing.remote_delivery.next_hops import Hop
from compostela.processing.remote_delivery.settings import RemoteDeliverySettings, read_remote_delivery_settings
from compostela.testing.mails import a_mail
from tests.contracts.next_hop import HOST, Peer


def settings() -> RemoteDeliverySettings:
    return read_remote_delivery_settings(Settings(Node("mailet", Place("")), Problems()), "own.example")


async def tried(
    peer: Peer, policies: TlsPolicies, domain: str, host: str
) -> tuple[SendResult, list[TlsSession | None]]:
    sessions: list[TlsSession | None] = []
    mail = a_mail(recipients=(f"bob@{domain}",))
    hop = Hop(HOST, peer.port, host)
    result = await attempt(
        mail, [hop], SmtpClient(), settings(), policies, lambda _, __, session: sessions.append(session)
    )
    return result, sessions
