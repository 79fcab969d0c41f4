"""The keys of effects and the names of parts come out the same in every run."""

from collections.abc import Sequence

import pytest

from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.mail.model import ERROR, GHOST, ROOT, TRANSPORT, Mail
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId
from compostela.processing.mailet import Mailet, Matcher, Recipients
from compostela.processing.mailets.null import Null
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.processor import MailProcessors, Pair, Processor
from compostela.testing.mails import a_mail

RECIPIENTS = tuple(f"{name}@example.org" for name in ("ann", "bob", "carol", "dan"))


class Starts(Matcher):
    """Recipients whose local part begins with a letter of the condition."""

    def __init__(self, condition: str) -> None:
        self.condition = condition

    async def match(self, mail: Mail) -> Recipients:
        return [one for one in mail.recipients if one.local_part[0] in self.condition]


class Noting(Mailet):
    """Notes the keys of its effects and the names of what passes."""

    def __init__(self, keys: list[tuple[str, str]], state: str | None = None) -> None:
        self._keys = keys
        self._state = state

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        self._keys += [(mail.name, run.effect("mailbox", recipient).key) for recipient in mail.recipients]
        if self._state is not None:
            mail.state = self._state


def guard() -> Pair:
    return Pair(Starts("z"), False, Null(Settings(Node("mailet", Place("")), Problems()), None))  # type: ignore[arg-type]


async def keys_of(front: Sequence[Pair] = (), recipients: Sequence[str] = RECIPIENTS) -> list[tuple[str, str]]:
    keys: list[tuple[str, str]] = []
    pairs = (Pair(Starts("ab"), False, Noting(keys, TRANSPORT)), Pair(Starts("c"), True, Noting(keys)))
    rest = Pair(None, False, Noting(keys, TRANSPORT))
    end = Pair(None, False, Noting(keys, GHOST))
    processors = [Processor(ROOT, (*front, *pairs, rest)), Processor(TRANSPORT, (*front, end)), Processor(ERROR)]
    await MailProcessors(processors).execute(a_mail(recipients=tuple(recipients)), PipelineRun(EntryId("entry")))
    return keys


async def test_two_runs_make_the_same_keys_and_names() -> None:
    first = await keys_of()
    assert first == await keys_of()
    assert len({key for _, key in first}) == len(first)
    names = {name for name, _ in first}
    assert len(names) == 3
    assert all(name.startswith("mail1") for name in names)


async def test_a_guard_in_front_leaves_the_keys_of_others_alone() -> None:
    assert await keys_of([guard()]) == await keys_of()


async def test_the_order_of_the_recipients_does_not_matter() -> None:
    assert sorted(await keys_of()) == sorted(await keys_of(recipients=RECIPIENTS[::-1]))


@pytest.mark.parametrize("count", [1, 3])
def test_equal_effects_of_one_service_are_told_apart(count: int) -> None:
    bob = MailAddress.parse("bob@example.org")
    run = PipelineRun(EntryId("entry")).at("root/Some")
    assert len({run.effect("out", bob) for _ in range(count)}) == count
