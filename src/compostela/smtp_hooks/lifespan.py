"""How long a connection may last."""

from compostela.base.settings import Settings
from compostela.core.smtp_hooks.hooks import SmtpHook
from compostela.smtp_hooks.context import HookContext, HookFactory


class MaxConnectionLifespanHandler(SmtpHook):
    """`duration`: after so long a connection is closed with 421, in the middle of a transaction too; an answer that is under
    way is still given."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self.lifespan_seconds = settings.duration("duration", 0.0)
        if not self.lifespan_seconds:
            settings.error("MaxConnectionLifespanHandler needs a 'duration' above 0")


HOOKS: dict[str, HookFactory] = {"MaxConnectionLifespanHandler": MaxConnectionLifespanHandler}
