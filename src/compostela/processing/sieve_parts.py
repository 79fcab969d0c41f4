"""What the mailets about Sieve work with."""

from dataclasses import dataclass

from compostela.core.sieve.ports import GlobalScripts, SieveLists, SieveMarks, SieveScripts
from compostela.core.sieve.service import SieveService
from compostela.processing.sieve_engine import SieveEngine
from compostela.processing.sieve_settings import SieveSettings


@dataclass(frozen=True, slots=True)
class SieveParts:
    """The stores, the rules on top of them, and the engine."""

    scripts: SieveScripts
    global_scripts: GlobalScripts
    lists: SieveLists
    marks: SieveMarks
    service: SieveService
    engine: SieveEngine
    settings: SieveSettings
