"""Whether an entry has ended, so that a run which was believed dead has no further effect: see `compostela.core.idempotency`.

The form of an entry's id tells where it lives. There is no transaction over an entry and an effect: an effect that began before the end may
be carried out after it, under its key, which outlives the entry.
"""

from collections.abc import Awaitable, Callable

from compostela.model.numbers import EntryId

IsOver = Callable[[EntryId], Awaitable[bool]]


class Entries:
    """Asks the store that keeps an entry. An id whose form is not known has no end that could be looked up."""

    def __init__(self) -> None:
        self._forms: dict[str, IsOver] = {}

    def register(self, form: str, is_over: IsOver) -> None:
        """`form` is the beginning of the ids of one store."""
        self._forms[form] = is_over

    async def is_over(self, entry: EntryId) -> bool:
        for form, is_over in self._forms.items():
            if entry.startswith(form):
                return await is_over(entry)
        return False
