"""Senders are rewritten, and lead back to the real ones for a while."""

import pytest

from compostela.core.rewriting.resolution import MappingError
from compostela.core.rewriting.srs import SenderRewriting
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.testing.clock import FakeClock
from compostela.testing.mails import address

DAY = 86400.0


def scheme(domain: str = "example.org", secret: bytes = b"secret", clock: FakeClock | None = None) -> SenderRewriting:
    async def read(_: str) -> bytes:
        return secret

    return SenderRewriting(Domain(domain), 21, read, clock or FakeClock())


async def rewritten(made: SenderRewriting, sender: str | MailAddress) -> MailAddress:
    found = await made.rewritten(address(sender) if isinstance(sender, str) else sender)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "sender", ["ann@remote.example", "a=b=c@remote.example", "Ann.Lee+x@remote.example", "é@remote.example"]
)
async def test_an_address_leads_back(sender: str) -> None:
    made = scheme()
    found = await rewritten(made, sender)
    assert str(found).startswith("SRS0=")
    assert str(found).endswith(f"=remote.example={sender.partition('@')[0]}@example.org")
    assert await made.original(address(str(found))) == address(sender)
    # servers on the way may change the case
    assert await made.original(address(str(found).lower())) == address(sender)


async def test_an_address_of_another_server_leads_back_through_it() -> None:
    first, second, third = scheme("one.example", b"1"), scheme("two.example", b"2"), scheme("three.example", b"3")
    sent = await rewritten(first, "ann@remote.example")
    on = await rewritten(second, sent)
    assert str(on).startswith("SRS1=")
    assert "=one.example==" in str(on)
    further = await rewritten(third, on)
    assert len(str(further)) <= len(str(on)) + len("three") - len("two")
    assert await third.original(further) == sent
    assert await second.original(on) == sent
    assert await first.original(sent) == address("ann@remote.example")


async def test_addresses_that_we_did_not_make_are_refused() -> None:
    made, other = scheme(), scheme(secret=b"other")
    forged = await rewritten(other, "ann@remote.example")
    changed = str(await rewritten(made, "ann@remote.example")).replace("ann@", "eve@")
    for one in (str(forged), changed, "SRS0=aaaaaa=aa=b.example=c@example.org", "SRS1=aaaaaa=b.example==x@example.org"):
        with pytest.raises(MappingError, match="no address"):
            await made.original(address(one))


@pytest.mark.parametrize(
    "one", ["ann@example.org", "srs0@example.org", "SRS0=x@example.org", "SRS0=a=b=c=d@else.example"]
)
async def test_other_addresses_are_none_of_its(one: str) -> None:
    assert await scheme().original(address(one)) is None


@pytest.mark.parametrize("start", [0.0, 1020 * DAY], ids=["", "across the end of the count"])
async def test_an_address_ends_with_its_time(start: float) -> None:
    clock = FakeClock(start)
    made = scheme(clock=clock)
    found = await rewritten(made, "ann@remote.example")
    clock.advance(21 * DAY)
    assert await made.original(found)
    clock.advance(DAY)
    with pytest.raises(MappingError, match="too long ago"):
        await made.original(found)


@pytest.mark.parametrize("sender", [f"{'a' * 60}@remote.example", '"a b"@remote.example', "a@[192.0.2.1]"])
async def test_a_sender_that_has_no_such_form(sender: str) -> None:
    assert await scheme().rewritten(address(sender)) is None
