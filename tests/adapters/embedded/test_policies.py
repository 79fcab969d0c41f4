"""The embedded stores of drop lists and of DLP rules keep to their contracts."""

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.dlp.ports import DlpRuleStore
from compostela.core.drop_lists.ports import DropListStore
from tests.adapters.embedded.distance import clock, elsewhere, eventually, store
from tests.contracts.policies import DlpRuleStoreContract, DropListStoreContract

__all__ = ["clock", "elsewhere", "eventually", "store"]


class TestEmbeddedDropLists(DropListStoreContract):
    @pytest.fixture
    def drop_lists(self, store: EmbeddedStore) -> DropListStore:
        return store.drop_lists

    @pytest.fixture
    def drop_lists_elsewhere(self, elsewhere: EmbeddedStore) -> DropListStore:
        return elsewhere.drop_lists


class TestEmbeddedDlpRules(DlpRuleStoreContract):
    @pytest.fixture
    def dlp_rules(self, store: EmbeddedStore) -> DlpRuleStore:
        return store.dlp_rules

    @pytest.fixture
    def dlp_rules_elsewhere(self, elsewhere: EmbeddedStore) -> DlpRuleStore:
        return elsewhere.dlp_rules
