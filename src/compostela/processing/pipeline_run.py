"""One run of the pipeline over one queue entry: names its effects.

A run that is cut off is done again from the start. The keys come out the same then, because they are made of the place in
the configuration, the recipients and a count; so each effect happens once.
"""

from compostela.base.ids import new_id
from compostela.core.idempotency import Effect
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EffectKey, EntryId


class PipelineRun:
    """Keeps the place (processor and pair) that is being executed and counts the effects there."""

    __slots__ = ("_counts", "entry", "pair", "processor")

    def __init__(self, entry: EntryId) -> None:
        self.entry = entry
        self.processor = ""
        self.pair = 0
        self._counts: dict[str, int] = {}

    def at(self, processor: str, pair: int) -> None:
        self.processor = processor
        self.pair = pair

    def effect(self, target: str, *recipients: MailAddress) -> Effect:
        """The name of the next effect on `target` for these recipients."""
        who = ",".join(sorted(str(recipient).lower() for recipient in recipients))
        place = f"{self.processor}/{self.pair}/{target}/{who}"
        count = self._counts.get(place, 0)
        self._counts[place] = count + 1
        return Effect(self.entry, EffectKey(f"{place}/{count}" if count else place))


def part_name(mail: Mail) -> str:
    """The name of a part that is split off a mail."""
    return f"{mail.name[:100]}-{new_id()[-8:]}"
