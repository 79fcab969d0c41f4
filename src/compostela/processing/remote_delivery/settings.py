"""Parameters of RemoteDelivery."""

from dataclasses import dataclass, replace

from compostela.base.settings import Settings
from compostela.core.outbound.ports import SendOptions
from compostela.core.queue.model import OUTGOING
from compostela.processing.remote_delivery.schedule import parse_schedule
from compostela.processing.workers import DRAIN_SECONDS

SMTP_PORT = 25
SMTPS_PORT = 465


@dataclass(frozen=True, slots=True)
class RemoteDeliverySettings:
    """How mail leaves."""

    queue: str
    """Name of the outgoing queue."""
    delays: tuple[float, ...]
    """Further tries, and the time before each."""
    max_dns_retries: int
    """Further tries for a domain that does not exist."""
    workers: int
    """Deliveries at once."""
    send_partial: bool
    """Whether a mail goes out when only some of its recipients are taken; always so here."""
    bounce_processor: str | None
    """Processor for mails that cannot be delivered."""
    on_success: str | None
    """Processor for mails that were delivered."""
    gateways: tuple[tuple[str, int], ...]
    """Hosts that take all mail, instead of the recipients' exchangers, and their ports."""
    load_balancing: bool
    """Whether the gateways are tried in random order."""
    use_priority: bool
    """Whether MAIL_PRIORITY decides which mail goes first."""
    delay_notice_seconds: float
    """How long a mail is under way before a sender who asked for it is told of the delay."""
    drain_seconds: float
    """How long deliveries may go on when the server stops; then they are cut off and done again later."""
    tls_policies: bool
    """Whether the TLS policies of destinations are kept to: DANE (RFC 7672) and MTA-STS (RFC 8461). Gateways have none."""
    options: SendOptions
    """How to speak to a next hop."""
    implicit_tls: bool
    """Whether TLS from the start, on port 465, is tried before port 25. If a gateway has a port of its own, only TLS from the start is tried there."""
    trust_all_certificates: bool
    """With `sslEnable`: whether every certificate is accepted. STARTTLS accepts every certificate, unless a policy of the domain demands more."""

    @property
    def implicit_options(self) -> SendOptions:
        """How to speak to a next hop with TLS from the start."""
        return replace(self.options, implicit_tls=True, verify_certificate=not self.trust_all_certificates)


def read_remote_delivery_settings(settings: Settings, hello_name: str) -> RemoteDeliverySettings:
    max_retries = settings.integer("maxRetries", 5, minimum=0)
    default = parse_schedule("6h", max_retries)
    delays = settings.parsed("delayTime", default, lambda text: parse_schedule(text, max_retries))
    gateway_port = settings.integer("gatewayPort", SMTP_PORT, minimum=1, maximum=65535)
    options = SendOptions(
        hello_name=settings.text("heloName", hello_name),
        connect_seconds=settings.duration("connectiontimeout", 60.0, unit="ms"),
        reply_seconds=settings.duration("timeout", 180.0, unit="ms"),
        use_starttls=settings.boolean("startTLS", True),
        user=settings.text("gatewayUsername", None),
        password=settings.text("gatewayPassword", None),
        bind_address=settings.text("bind", None),
    )
    read = RemoteDeliverySettings(
        queue=settings.text("outgoing", settings.text("outgoingQueue", OUTGOING)),
        delays=tuple(delays),
        max_dns_retries=settings.integer("maxDnsProblemRetries", 0, minimum=0),
        workers=settings.integer("deliveryThreads", 1, minimum=1),
        send_partial=settings.boolean("sendpartial", False),
        bounce_processor=settings.text("bounceProcessor", None),
        on_success=settings.text("onSuccess", None),
        gateways=tuple(_gateway(text, gateway_port) for text in settings.strings("gateway")),
        load_balancing=settings.boolean("loadBalancing", True),
        use_priority=settings.boolean("usePriority", False),
        delay_notice_seconds=settings.duration("delayNotice", 4 * 3600.0, unit="s"),
        drain_seconds=settings.duration("drainTime", DRAIN_SECONDS, unit="s"),
        tls_policies=settings.boolean("tlsPolicies", True),
        options=options,
        implicit_tls=settings.boolean("sslEnable", False),
        trust_all_certificates=settings.boolean("sslTrustAllCerts", False),
    )
    settings.ignored("debug", *(node.name for node in settings.node.children if node.name.startswith("mail.")))
    settings.ignored("verifyServerIdentity")
    return read


def _gateway(text: str, default_port: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    return (host, int(port)) if colon and port.isdigit() and "]" not in port else (text, default_port)
