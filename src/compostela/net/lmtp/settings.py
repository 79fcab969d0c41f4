"""`lmtpserver.xml`."""

import socket
from dataclasses import dataclass

from compostela.base.settings import Node, Problems, Settings
from compostela.net.settings import one_line, read_server_settings, read_servers
from compostela.net.smtp.settings import (
    CORE_LOADER,
    SmtpSettings,
    VerifyIdentity,
    read_disabled_features,
    read_handler_chain,
)

CONTAINER_LOADER = "MailetContainerCmdHandlerLoader"
CONTAINER_HANDLER = "MailetContainerHandler"


@dataclass(frozen=True, slots=True)
class LmtpSettings:
    """One LMTP server."""

    session: SmtpSettings
    """What its sessions have in common with SMTP's: no login, no relaying, no verification of identities."""
    through_container: bool = False
    """The mail container is run while the client waits; otherwise mail goes straight to the INBOX."""
    split_execution: bool = False
    """The container is run once for each recipient, so that each has its own answer."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How the handler chain wants mail to be delivered, and the hooks that it has besides."""

    through_container: bool
    split_execution: bool
    hooks: tuple[Settings, ...]


def read_lmtp_settings(root: Node, problems: Problems) -> list[LmtpSettings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "lmtpserver", _read_server, lambda one: one.session.server)


def _read_server(settings: Settings) -> LmtpSettings:
    server = read_server_settings(
        settings,
        default_name="lmtpserver",
        default_port=24,
        default_timeout=300.0,
        autodetected_name=socket.gethostname() or "localhost",
    )
    chain = settings.section("handlerchain")
    way = _way(chain)
    # LMTP has no logins: no client may relay, and there is no identity to verify
    settings.ignored("auth", "authRequired", "handler/authRequired", "authorizedAddresses", "verifyIdentity")
    if chain is not None:
        chain.ignored("authRequired")
    session = SmtpSettings(
        server=server,
        auth_enabled=False,
        verify_identity=VerifyIdentity.DISABLED,
        max_message_bytes=settings.size("maxmessagesize", 0, unit="K"),
        max_line_bytes=settings.integer("maxLineLength", 8192, minimum=1000, maximum=1_048_576),
        helo_enforced=settings.boolean("heloEhloEnforcement", True),
        brackets_enforced=settings.boolean("addressBracketsEnforcement", True),
        greeting=one_line(settings.text("lmtpGreeting", settings.text("smtpGreeting", ""))),
        disabled_features=read_disabled_features(settings),
        max_recipients=settings.integer("maxRecipients", 1000, minimum=100),
        max_mails=settings.integer("maxMailsPerConnection", 0, minimum=0),
        handlers=way.hooks,
    )
    settings.finish()
    return LmtpSettings(session, through_container=way.through_container, split_execution=way.split_execution)


def _way(chain: Settings | None) -> _Way:
    """The loader is in `coreHandlersPackage` or, as in James's samples, one of the handlers."""
    loader, handlers = read_handler_chain(chain, (CORE_LOADER, CONTAINER_LOADER))
    through, split = loader == CONTAINER_LOADER, False
    hooks: list[Settings] = []
    for handler in handlers:
        short = handler.text("class", "").rpartition(".")[2]
        if short in (CONTAINER_LOADER, CONTAINER_HANDLER):
            through = True
            split |= handler.boolean("splitExecution", False)
            handler.finish()
        elif short == CORE_LOADER:
            handler.finish()
        else:
            hooks.append(handler)
    return _Way(through, split, tuple(hooks))
