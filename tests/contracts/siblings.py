"""What processes of one server keep to when they ask each other. Subclasses give the fixtures `siblings`, one process, and
`others`, all others."""

from collections.abc import Sequence

import pytest

from compostela.base.siblings import NO_RESTART, Json, RestartRefused, Siblings


class SiblingsContract:
    ports = (Siblings,)

    async def test_each_of_the_others_is_asked_once(self, siblings: Siblings, others: Sequence[Siblings]) -> None:
        def answering(number: int) -> None:
            async def answer(body: Json) -> Json:
                return [number, body]

            others[number].answer("which", answer)

        for number in range(len(others)):
            answering(number)
        expected: list[Json] = [[number, {"a": [1.5, None]}] for number in range(len(others))]
        assert sorted(await siblings.ask("which", {"a": [1.5, None]}), key=str) == expected

    async def test_one_that_cannot_answer_hinders_none(self, siblings: Siblings, others: Sequence[Siblings]) -> None:
        async def fails(_: Json) -> Json:
            raise ValueError("a bug")

        async def works(_: Json) -> Json:
            return "yes"

        for number, one in enumerate(others):
            one.answer("does it work", fails if number == 0 else works)
        answers = await siblings.ask("does it work")
        assert answers.count("yes") == max(len(others) - 1, 0)
        assert answers.count(None) == min(len(others), 1)

    async def test_none_is_missing(self, siblings: Siblings) -> None:
        assert siblings.missing == 0

    async def test_a_restart_that_is_not_possible_says_why(self, siblings: Siblings) -> None:
        with pytest.raises(RestartRefused, match=r"\w+"):
            await siblings.restart()
        assert siblings.last_restart == NO_RESTART, "none has begun"
