"""A server of one process."""

import pytest

from compostela.adapters.in_process.peers import NoPeers
from tests.contracts.peers import PeersContract


class TestNoPeers(PeersContract):
    @pytest.fixture
    def peers(self) -> NoPeers:
        return NoPeers()

    @pytest.fixture
    def others(self) -> list[bytes]:
        return []
