"""One run of the pipeline over one queue entry: names its effects and what they create.

A run that is cut off is done again from the start, perhaps by another process while the first goes on. The keys come out the
same then: they are made of the place in the configuration, the part of the mail, and the recipients. What a run creates takes
its name from the key, so both runs create the same thing.

The place is the names of matcher and mailet, not a position: a pair that is added or removed leaves the keys of other pairs
alone. A part is the mail or what was split off it; its id tells by which splits it came about, so it does not depend on the
order in which parts are worked on.
"""

from compostela.core.idempotency import Effect
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EffectKey, EntryId

MAX_NAME = 100
"""Characters that a part's name takes over from the mail's name."""


class PipelineRun:
    """The run, at one place. A mailet makes all its effects before its first `await`: the names of two effects on the same
    target for the same recipients are told apart by the order in which they are made. Its run is good until `service` returns:
    the next mailet gets the same object, at another place."""

    __slots__ = ("_counts", "_is_whole", "_part", "_place", "entry", "passed")

    def __init__(
        self, entry: EntryId, place: str = "", part: str = "", passed: int = 0, *, is_whole: bool = False
    ) -> None:
        """`part` is the id of a part, `passed` how many processors it has passed before. `is_whole`: nothing was split off the mail, so
        there is no other part."""
        self.entry = entry
        self.passed = passed
        self._place = place
        self._part = part
        self._is_whole = is_whole
        self._counts: dict[str, int] | None = None

    def at(self, place: str, part: str = "", passed: int = 0) -> "PipelineRun":
        """The run at another place: a pair of a processor, worked on for a part that has passed so many processors before."""
        return PipelineRun(self.entry, place, part, passed)

    def again(self) -> "PipelineRun":
        """The run at this place before any effect: work that is tried again makes the same names once more."""
        return PipelineRun(self.entry, self._place, self._part, self.passed, is_whole=self._is_whole)

    def move_to(self, place: str) -> None:
        """Goes on to the next place: one object for all pairs that a part meets."""
        self._place = place
        self._counts = None

    def split_off(self, part: str) -> "PipelineRun":
        """The run for a part that is split off here. Neither part is the whole mail then."""
        self._is_whole = False
        return PipelineRun(self.entry, self._place, part, self.passed)

    def effect(self, target: str, *recipients: MailAddress, ends_part: bool = False) -> Effect:
        """The name of an effect on `target` for these recipients. `ends_part`: the mailet makes the mail a ghost and does nothing else to
        any store, at the same time or later."""
        who = ",".join(sorted(str(recipient).lower() for recipient in recipients))
        place = f"{self._place}#{self.passed}/{self._part}" if self._part or self.passed else self._place
        key = f"{place}/{target}/{who}"
        if self._counts is None:
            self._counts = {}
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        return Effect(self.entry, EffectKey(f"{key}/{count}" if count else key), ends_part and self._is_whole)


def part_name(mail: Mail, effect: Effect) -> str:
    """The name of a mail that an effect creates out of another."""
    return f"{mail.name[:MAX_NAME]}-{effect.token}"
