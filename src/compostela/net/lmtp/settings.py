"""`lmtpserver.xml`."""

from dataclasses import dataclass, fields
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Parsed, Text
from compostela.base.declared import Each, Group, Reader
from compostela.base.settings import Node, Problems, Settings
from compostela.net.handler_chain import Handler, HandlerChain
from compostela.net.settings import ServerSettings, one_line, read_servers, server_group
from compostela.net.smtp.settings import (
    CORE_LOADER,
    SessionSettings,
    SmtpHandler,
    SmtpHandlerChain,
    SmtpSettings,
    VerifyIdentity,
)

CONTAINER_LOADER = "MailetContainerCmdHandlerLoader"
CONTAINER_HANDLER = "MailetContainerHandler"


@dataclass(frozen=True, slots=True)
class LmtpHandler(Handler):
    name: Annotated[str, Text("class")] = ""
    """A loader as in `coreHandlersPackage`, or an SMTP hook, see [processing](processing.md)."""
    split_execution: Annotated[bool, Boolean("splitExecution")] = False
    """Of `MailetContainerHandler`: run the container for each recipient, so that each has its own answer."""

    @property
    def leads_to_container(self) -> bool:
        return self.short_name in (CONTAINER_LOADER, CONTAINER_HANDLER)

    @property
    def is_hook(self) -> bool:
        return self.short_name != CORE_LOADER and not self.leads_to_container


@dataclass(frozen=True, slots=True)
class LmtpHandlerChain(HandlerChain):
    """How mail is delivered: the loader is in `coreHandlersPackage` or, as in James's samples, one of the handlers."""

    WITHOUT_EFFECT = (*HandlerChain.WITHOUT_EFFECT, "authRequired")
    LOADERS = (CORE_LOADER, CONTAINER_LOADER)

    package: Annotated[str, Text("coreHandlersPackage")] = ""
    """`CoreCmdHandlerLoader` delivers to the INBOX, `MailetContainerCmdHandlerLoader` through the mail container."""
    handlers: Annotated[tuple[LmtpHandler, ...], Each("handler", finish=False)] = ()

    def completed(self, settings: Settings) -> Self:
        for one in self.handlers:
            if not one.is_hook:
                one.settings.finish()
            elif one.settings.has("splitExecution"):
                one.settings.error(f"splitExecution belongs to {CONTAINER_HANDLER}", "splitExecution")
        return HandlerChain.completed(self, settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class LmtpSettings(SessionSettings):
    """One LMTP server."""

    # LMTP has no logins: no client may relay, and there is no identity to verify
    WITHOUT_EFFECT = (
        "additionalConnectionChecks", "auth", "authRequired", "handler/authRequired", "authorizedAddresses", "verifyIdentity",
    )  # fmt: skip

    server: Annotated[ServerSettings, server_group("lmtpserver", 24, 300.0)]
    chain: Annotated[LmtpHandlerChain, Group("handlerchain")] = LmtpHandlerChain()
    greeting: Annotated[str, Parsed("lmtpGreeting", one_line, older=("smtpGreeting",))] = ""
    """Text after 220."""

    @property
    def through_container(self) -> bool:
        """The mail container is run while the client waits; otherwise mail goes straight to the INBOX."""
        return self.chain.loader == CONTAINER_LOADER or any(one.leads_to_container for one in self.chain.handlers)

    @property
    def split_execution(self) -> bool:
        """The container is run once for each recipient, so that each has its own answer."""
        return any(one.split_execution for one in self.chain.handlers if one.leads_to_container)

    @property
    def session(self) -> SmtpSettings:
        """What its sessions have in common with SMTP's: no login, no relaying, no verification of identities."""
        hooks = tuple(SmtpHandler(one.settings, one.name) for one in self.chain.handlers if one.is_hook)
        return SmtpSettings(
            server=self.server,
            chain=SmtpHandlerChain(handlers=hooks),
            auth_enabled=False,
            verify_identity=VerifyIdentity.DISABLED,
            **{one.name: getattr(self, one.name) for one in fields(SessionSettings)},
        )


def read_lmtp_settings(root: Node, problems: Problems) -> list[LmtpSettings]:
    """All enabled servers of a file."""
    return read_servers(Settings(root, problems), "lmtpserver", Reader(LmtpSettings), lambda one: one.server)
