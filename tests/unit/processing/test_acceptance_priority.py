"""Acceptance first: which work waits, and for how long."""

import asyncio

from compostela.processing.acceptance_priority import MAX_WAIT_SECONDS, QUIET_ROUNDS, AcceptancePriority


class Clients:
    """Says something in every round of the loop until it is told to be silent."""

    def __init__(self) -> None:
        self.commands = 0
        self._loop = asyncio.get_running_loop()
        self._is_talking = True
        self._loop.call_soon(self._talk)

    def _talk(self) -> None:
        self.commands += 1
        if self._is_talking:
            self._loop.call_soon(self._talk)

    def be_silent(self) -> None:
        self._is_talking = False


async def rounds(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_mails_pass_one_by_one_when_nobody_speaks() -> None:
    priority = AcceptancePriority(lambda: 0)
    passed: list[int] = []

    async def mail(number: int) -> None:
        await priority.pass_through(0.0)
        passed.append(number)

    await asyncio.gather(*(mail(number) for number in range(5)))
    assert passed == [0, 1, 2, 3, 4]


async def test_a_mail_waits_while_clients_speak() -> None:
    clients = Clients()
    mail = asyncio.create_task(AcceptancePriority(lambda: clients.commands).pass_through(0.0))
    await rounds(50)
    assert not mail.done()
    clients.be_silent()
    await mail


async def test_what_has_waited_for_long_passes_whatever_clients_say() -> None:
    clients = Clients()
    priority = AcceptancePriority(lambda: clients.commands)
    await priority.pass_through(MAX_WAIT_SECONDS + 1)
    mail = asyncio.create_task(priority.pass_through(MAX_WAIT_SECONDS - 0.01))
    async with asyncio.timeout(1.0):
        await mail
    clients.be_silent()


async def test_a_spooler_that_is_stopped_holds_up_nobody() -> None:
    clients = Clients()
    priority = AcceptancePriority(lambda: clients.commands)
    stopped = asyncio.create_task(priority.pass_through(0.0))
    await rounds(3)
    stopped.cancel()
    other = asyncio.create_task(priority.pass_through(0.0))
    await rounds(3)
    clients.be_silent()
    await other


async def test_a_mail_waits_for_some_rounds_after_clients_have_spoken() -> None:
    clients = Clients()
    mail = asyncio.create_task(AcceptancePriority(lambda: clients.commands).pass_through(0.0))
    await rounds(5)
    clients.be_silent()
    quiet = 0
    while not mail.done():
        await rounds(1)
        quiet += 1
    assert QUIET_ROUNDS <= quiet <= QUIET_ROUNDS + 4


async def test_a_mail_passes_in_the_next_round_when_nobody_has_spoken_or_waited() -> None:
    priority = AcceptancePriority(lambda: 7)
    for _ in range(2):
        mail = asyncio.create_task(priority.pass_through(0.0))
        await rounds(4)
        assert mail.done()
