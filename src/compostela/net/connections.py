"""The open connections of all listeners of a process: told to administrators, and ended by them."""

import time
from collections.abc import Sequence

from compostela.base.clock import Clock
from compostela.core.connections.model import Channel
from compostela.model.username import Username
from compostela.net.listeners import Listener


class ListenerConnections:
    """What `Connections` asks of this process. `listeners` may still grow."""

    def __init__(self, listeners: Sequence[Listener], clock: Clock) -> None:
        self._listeners = listeners
        self._clock = clock

    def channels(self, user: Username | None) -> list[Channel]:
        # the event loop counts as `time.monotonic` does
        started = self._clock.now() - time.monotonic()
        return [one for listener in self._listeners for one in listener.channels(user, started)]

    def users(self) -> set[str]:
        return {user.value for listener in self._listeners for user in listener.logins()}

    def disconnect(self, user: Username | None) -> None:
        for listener in self._listeners:
            listener.disconnect(user)
