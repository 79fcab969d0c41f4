"""Opens the stores of the edition that is configured: with settings of engines the distributed one, else the embedded one."""

from pathlib import Path

from compostela.app.engines import EngineSettings
from compostela.app.limits import Limits
from compostela.app.stores import Stores, StoresUnavailable
from compostela.core.events.settings import ListenersSettings


async def open_stores(
    data: Path, listeners: ListenersSettings, engines: EngineSettings | None, limits: Limits | None = None
) -> Stores:
    """`listeners` says how much is kept for slow listener groups; `limits` are those of workers, which the distributed edition does
    not need. Raises `StoresUnavailable`."""
    if engines is None:
        from compostela.app.editions import embedded

        return await embedded.open_stores(data, listeners, limits)
    try:
        # its drivers are an optional group
        from compostela.app.editions import distributed
    except ImportError as error:
        raise StoresUnavailable(
            f"cassandra.properties asks for the distributed edition, whose drivers are missing ({error.name}): "
            "install them with 'make distributed' or as compostela[distributed]"
        ) from error
    return await distributed.open_stores(data, engines, listeners)
