"""How long a connection may last."""

from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Duration
from compostela.base.declared import Declared, read
from compostela.base.settings import Settings
from compostela.core.smtp_hooks.hooks import SmtpHook
from compostela.smtp_hooks.context import HookContext


@dataclass(frozen=True, slots=True)
class MaxConnectionLifespanHandlerSettings(Declared):
    """Parameters of `MaxConnectionLifespanHandler`."""

    seconds: Annotated[float, Duration("duration")] = 0.0
    """How long a connection may last. It must be given, and be above 0."""

    def completed(self, settings: Settings) -> Self:
        if not self.seconds:
            settings.error("MaxConnectionLifespanHandler needs a 'duration' above 0")
        return self


class MaxConnectionLifespanHandler(SmtpHook):
    """Closes a connection after `duration` with 421, in the middle of a transaction too; an answer that is under way is still
    given."""

    parameters = MaxConnectionLifespanHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self.lifespan_seconds = read(MaxConnectionLifespanHandlerSettings, settings).seconds


HOOKS: dict[str, type[SmtpHook]] = {"MaxConnectionLifespanHandler": MaxConnectionLifespanHandler}
