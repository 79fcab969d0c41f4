"""The handler chain of a server: configured hooks in file order, then the core hooks."""

from collections.abc import Sequence
from typing import cast

from compostela.base.errors import InvalidArgument
from compostela.base.extensions import load_extension
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.smtp_hooks.hooks import HookChain, SmtpHook
from compostela.smtp_hooks import HOOKS
from compostela.smtp_hooks.context import HookContext
from compostela.smtp_hooks.hops import ReceivedLimitHandler
from compostela.smtp_hooks.recipients import PostmasterAbuseRcptHook, ValidRcptHandler
from compostela.smtp_hooks.relaying import (
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
    """Mistakes in handlers go to their settings' problems. With `check_recipients` a ValidRcptHandler is in the chain, configured or
    not; a ReceivedLimitHandler always is."""
    hooks = [hook for hook in (_configured(handler, context) for handler in handlers) if hook is not None]
    nothing = handlers[0] if handlers else _no_settings()
    hooks.append(AuthRequiredToRelayRcptHook(nothing, context))
    if check_recipients and not any(isinstance(hook, ValidRcptHandler) for hook in hooks):
        hooks.append(ValidRcptHandler(_no_settings(), context))
    if not any(isinstance(hook, ReceivedLimitHandler) for hook in hooks):
        hooks.insert(0, ReceivedLimitHandler(_no_settings(), context))
    if verify_identity:
        hooks.append(SenderAuthIdentifyVerificationHook(nothing, context, relaxed=relaxed))
    if auth_required:
        hooks.append(AuthRequiredHook(nothing))
    # before the configured ones: nothing may refuse a postmaster's mail
    return HookChain([PostmasterAbuseRcptHook(nothing, context), *hooks])


def _configured(handler: Settings, context: HookContext) -> SmtpHook | None:
    name = handler.required("class")
    # a class of one's own may have the last name of a packaged one
    packaged = name.rpartition(".")[2] if name.startswith("org.apache.james.") else name
    hook: SmtpHook | None = None
    if packaged in HOOKS:
        hook = HOOKS[packaged](handler, context)
    elif packaged not in _CORE:
        hook = _own(handler, name, context) if name else None
        if hook is None:
            return None
    handler.finish()
    return hook


def _own(handler: Settings, name: str, context: HookContext) -> SmtpHook | None:
    """None after a complaint."""
    own = load_extension(handler, "handler", SmtpHook, name, ENTRY_POINTS, [*HOOKS, *_CORE])
    if own is None:
        return None
    try:
        return cast("SmtpHook", own(handler, context))
    except InvalidArgument as wrong:
        handler.error(str(wrong))
        return None


def _no_settings() -> Settings:
    return Settings(Node("handler", Place("")), Problems())
