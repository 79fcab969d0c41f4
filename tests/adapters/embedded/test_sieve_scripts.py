"""The embedded store of Sieve scripts keeps to its contract."""

from tests.contracts.sieve_scripts import SieveMarksContract, SieveScriptsContract

