"""Drop lists and DLP rules in Cassandra keep to the contracts."""

import pytest

from compostela.adapters.cassandra.dlp_rules import CassandraDlpRules
from compostela.adapters.cassandra.drop_lists import CassandraDropLists
from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.session import CassandraSession
from compostela.core.dlp.ports import DlpRuleStore
from compostela.core.drop_lists.ports import DropListStore
from tests.contracts.policies import DlpRuleStoreContract, DropListStoreContract
from tests.distributed.conftest import STALE_SECONDS


class TestCassandraDropLists(DropListStoreContract):
    @pytest.fixture
    def drop_lists(self, session: CassandraSession) -> DropListStore:
        return CassandraDropLists(session, Lookups(STALE_SECONDS))

    @pytest.fixture
    def drop_lists_elsewhere(self, session_elsewhere: CassandraSession) -> DropListStore:
        return CassandraDropLists(session_elsewhere, Lookups(STALE_SECONDS))


class TestCassandraDlpRules(DlpRuleStoreContract):
    @pytest.fixture
    def dlp_rules(self, session: CassandraSession) -> DlpRuleStore:
        return CassandraDlpRules(session)

    @pytest.fixture
    def dlp_rules_elsewhere(self, session_elsewhere: CassandraSession) -> DlpRuleStore:
        return CassandraDlpRules(session_elsewhere)
