"""The handler chain of a server: configured hooks in file order, then the core hooks."""

from collections.abc import Sequence
from typing import cast

from compostela.base.own_classes import load_own_class
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.smtp.hooks import HookChain, SmtpHook
from compostela.processing.smtp_hooks import HOOKS
from compostela.processing.smtp_hooks.context import HookContext, HookFactory
from compostela.processing.smtp_hooks.recipients import PostmasterAbuseRcptHook, ValidRcptHandler
from compostela.processing.smtp_hooks.relaying import (
    AuthRequiredHook,
    AuthRequiredToRelayRcptHook,
    SenderAuthIdentifyVerificationHook,
)

ENTRY_POINTS = "compostela.smtp_hooks"

_CORE = frozenset({
    "CoreCmdHandlerLoader", "NoAuthCmdHandlerLoader", "AuthRequiredToRelayRcptHook", "AuthRequiredHook",
    "SenderAuthIdentifyVerificationHook", "PostmasterAbuseRcptHook", "AddDefaultAttributesMessageHook", "SendMailHandler",
    "UsersRepositoryAuthHook", "WelcomeMessageHandler",
})  # fmt: skip


def build_chain(
    handlers: Sequence[Settings],
    context: HookContext,
    *,
    auth_required: bool = False,
    verify_identity: bool = False,
    relaxed: bool = False,
    check_recipients: bool = False,
) -> HookChain:
    """Complaints about handlers go to their settings' problems. With `check_recipients` a ValidRcptHandler stands in the chain,
    configured or not."""
    hooks = [hook for hook in (_configured(handler, context) for handler in handlers) if hook is not None]
    nothing = handlers[0] if handlers else _no_settings()
    hooks.append(AuthRequiredToRelayRcptHook(nothing, context))
    if check_recipients and not any(isinstance(hook, ValidRcptHandler) for hook in hooks):
        hooks.append(ValidRcptHandler(_no_settings(), context))
    if verify_identity:
        hooks.append(SenderAuthIdentifyVerificationHook(nothing, context, relaxed=relaxed))
    if auth_required:
        hooks.append(AuthRequiredHook(nothing))
    # before the configured ones: nothing may refuse a postmaster's mail
    return HookChain([PostmasterAbuseRcptHook(nothing, context), *hooks])


def _configured(handler: Settings, context: HookContext) -> SmtpHook | None:
    name = handler.required("class")
    short = name.rpartition(".")[2]
    hook: SmtpHook | None = None
    if short in HOOKS and (name == short or name.startswith("org.apache.james.")):
        hook = HOOKS[short](handler, context)
    elif short in _CORE:
        pass
    elif name:
        own = load_own_class(handler, "handler", name, ENTRY_POINTS, [*HOOKS, *_CORE])
        factory = cast("HookFactory | None", own)
        hook = factory(handler, context) if factory is not None else None
        if hook is None:
            return None
    handler.finish()
    return hook


def _no_settings() -> Settings:
    return Settings(Node("handler", Place("")), Problems())
