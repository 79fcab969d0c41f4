"""Parameters of RemoteDelivery."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Duration, Integer, Many, Parsed, Text
from compostela.base.declared import Declared, read
from compostela.base.settings import Settings
from compostela.core.outbound.ports import SendOptions
from compostela.core.queue.model import OUTGOING
from compostela.processing.remote_delivery.schedule import extended, parse_schedule
from compostela.processing.workers import DRAIN_SECONDS

SMTP_PORT = 25
SMTPS_PORT = 465


@dataclass(frozen=True, kw_only=True)
class RemoteDeliverySettings(Declared):
    """How mail leaves."""

    # sendpartial: a mail always goes out to those of its recipients who are taken
    WITHOUT_EFFECT = ("debug", "sendpartial", "verifyServerIdentity")

    max_retries: Annotated[int, Integer("maxRetries", minimum=0)] = 5
    """Further tries, if `delayTime` does not name more."""
    delays: Annotated[tuple[float, ...], Parsed("delayTime", parse_schedule, "list of durations")] = (6 * 3600.0,)
    """The time before each further try, such as `3*10m, 1h`. The last is used again until there are `maxRetries`."""
    gateway_names: Annotated[tuple[str, ...], Many("gateway")] = ()
    """Hosts that take all mail, instead of the recipients' exchangers; each with `:port` if it is not `gatewayPort`."""
    gateway_port: Annotated[int, Integer("gatewayPort", minimum=1, maximum=65535)] = SMTP_PORT
    """Port of the gateways."""
    load_balancing: Annotated[bool, Boolean("loadBalancing")] = True
    """Whether the gateways are tried in random order."""
    gateway_user: Annotated[str | None, Text("gatewayUsername")] = None
    """Log in as this user, with AUTH PLAIN; over TLS, unless `startTLS` is false."""
    gateway_password: Annotated[str | None, Text("gatewayPassword")] = field(default=None, repr=False)
    """The user's password."""
    hello_name: Annotated[str, Text("heloName")] = ""
    """Name in EHLO; by default the server's own name."""
    connect_seconds: Annotated[float, Duration("connectiontimeout", unit="ms")] = 60.0
    """How long a connection may take to come about."""
    reply_seconds: Annotated[float, Duration("timeout", unit="ms")] = 180.0
    """How long a reply may take."""
    use_starttls: Annotated[bool, Boolean("startTLS")] = True
    """Upgrade when it is offered. With `gatewayUsername` it must be."""
    bind_address: Annotated[str | None, Text("bind")] = None
    """Address of this machine from which to connect."""
    queue: Annotated[str, Text("outgoing", older=("outgoingQueue",))] = OUTGOING
    """Name of the outgoing queue."""
    max_dns_retries: Annotated[int, Integer("maxDnsProblemRetries", minimum=0)] = 0
    """Further tries for a domain that does not exist."""
    workers: Annotated[int, Integer("deliveryThreads", minimum=1)] = 1
    """Deliveries at once."""
    bounce_processor: Annotated[str | None, Text("bounceProcessor")] = None
    """Processor for mails that cannot be delivered."""
    on_success: Annotated[str | None, Text("onSuccess")] = None
    """Processor for mails that were delivered."""
    use_priority: Annotated[bool, Boolean("usePriority")] = False
    """Whether MAIL_PRIORITY decides which mail goes first."""
    delay_notice_seconds: Annotated[float, Duration("delayNotice")] = 4 * 3600.0
    """How long a mail is under way before a sender who asked for it is told of the delay."""
    drain_seconds: Annotated[float, Duration("drainTime")] = DRAIN_SECONDS
    """How long deliveries may go on when the server stops; then they are cut off and done again later."""
    tls_policies: Annotated[bool, Boolean("tlsPolicies")] = True
    """Whether the TLS policies of destinations are kept to: DANE (RFC 7672) and MTA-STS (RFC 8461). Gateways have none."""
    implicit_tls: Annotated[bool, Boolean("sslEnable")] = False
    """Whether TLS from the start, on port 465, is tried before port 25. If a gateway has a port of its own, only TLS from the start is tried there."""
    trust_all_certificates: Annotated[bool, Boolean("sslTrustAllCerts")] = False
    """With `sslEnable`: whether every certificate is accepted. STARTTLS accepts every certificate, unless a policy of the domain demands more."""

    @property
    def gateways(self) -> tuple[tuple[str, int], ...]:
        """The gateways and their ports."""
        return tuple(_gateway(text, self.gateway_port) for text in self.gateway_names)

    @cached_property
    def options(self) -> SendOptions:
        """How to speak to a next hop."""
        return SendOptions(
            hello_name=self.hello_name,
            connect_seconds=self.connect_seconds,
            reply_seconds=self.reply_seconds,
            use_starttls=self.use_starttls,
            user=self.gateway_user,
            password=self.gateway_password,
            bind_address=self.bind_address,
        )

    @cached_property
    def implicit_options(self) -> SendOptions:
        """How to speak to a next hop with TLS from the start."""
        return replace(self.options, implicit_tls=True, verify_certificate=not self.trust_all_certificates)

    def completed(self, settings: Settings) -> Self:
        # properties of JavaMail
        settings.ignored(*(node.name for node in settings.node.children if node.name.startswith("mail.")))
        return replace(self, delays=extended(self.delays, self.max_retries))


def read_remote_delivery_settings(settings: Settings, hello_name: str) -> RemoteDeliverySettings:
    """`hello_name` is the server's own name."""
    return read(RemoteDeliverySettings, settings, {"hello_name": hello_name})


def _gateway(text: str, default_port: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    return (host, int(port)) if colon and port.isdigit() and "]" not in port else (text, default_port)
