"""DLP rules in SQLite."""

from collections.abc import Sequence

import msgspec

from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Writer
from compostela.core.dlp.model import DlpRule
from compostela.model.domain import Domain


class EmbeddedDlpRules:
    """See `compostela.core.dlp.ports`."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def get(self, domain: Domain) -> Sequence[DlpRule]:
        row = self._reader.execute("SELECT rules FROM dlp_rules WHERE domain = ?", (domain.name,)).fetchone()
        return [] if row is None else msgspec.json.decode(row[0], type=list[DlpRule])

    async def replace(self, domain: Domain, rules: Sequence[DlpRule]) -> None:
        values = (domain.name, msgspec.json.encode(rules))
        await self._writer.execute("INSERT OR REPLACE INTO dlp_rules VALUES (?, ?)", values)

    async def clear(self, domain: Domain) -> None:
        await self._writer.execute("DELETE FROM dlp_rules WHERE domain = ?", (domain.name,), frees_space=True)
