"""Fixtures of the account rules."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.core.accounts import Accounts


@pytest.fixture
async def accounts(tmp_path: Path) -> AsyncIterator[Accounts]:
    accounts = await Accounts.open(tmp_path)
    yield accounts
    await accounts.close()
