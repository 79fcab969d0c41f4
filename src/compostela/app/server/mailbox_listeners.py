"""The mailbox listeners of this process, from listeners.xml."""

from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.core.events.delivery import DeliveryOptions
from compostela.core.events.listener import ListenerContext
from compostela.core.events.listeners import EventPorts, Listeners
from compostela.core.events.settings import ListenersSettings, build_listeners


def make_mailbox_listeners(settings: ListenersSettings, stores: Stores, clock: Clock) -> Listeners:
    """Not started yet. Complaints go to the settings' problems."""
    return Listeners(
        build_listeners(settings, ListenerContext(stores.event_source, stores.usage, clock)),
        EventPorts(stores.cursors, stores.event_source, stores.dead_letters),
        clock,
        max_concurrency=settings.max_concurrency,
        options=DeliveryOptions(settings.timeout_seconds),
    )
