"""Mappings of a user who is renamed or deleted."""

from compostela.base.errors import InvalidArgument
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.users.data_steps import UserDeletionStep, UsernameChangeStep
from compostela.core.users.service import UsersRepository
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username

_TO_ADDRESSES = (MappingType.ADDRESS, MappingType.ALIAS, MappingType.FORWARD, MappingType.GROUP)


class ForwardChange(UsernameChangeStep):
    """The old user's forwards become the new one's, and mail for the old address goes to the new one."""

    name = "ForwardUsernameChangeTaskStep"
    priority = 1

    def __init__(self, users: UsersRepository, rewriting: RecipientRewriteTable) -> None:
        self._users = users
        self._rewriting = rewriting

    async def change(self, old: Username, new: Username) -> None:
        old_address, new_address = self._address(old), self._address(new)
        source, target = MappingSource.of_address(old_address), MappingSource.of_address(new_address)
        to_new = _forward(new_address)
        for mapping in await self._rewriting.mappings(source):
            if mapping.type is not MappingType.FORWARD or mapping == to_new:
                continue
            # a forward to oneself keeps a copy
            moved = to_new if mapping == _forward(old_address) else mapping
            await self._rewriting.add(target, moved)
            await self._rewriting.remove(source, mapping)
        await self._rewriting.add(source, to_new)

    def _address(self, user: Username) -> MailAddress:
        address = self._users.address_of(user)
        if address is None:
            raise InvalidArgument(f"{user} has no address")
        return address


class MappingDeletion(UserDeletionStep):
    """Mappings from the user's addresses, and those of other addresses to them."""

    name = "RecipientRewriteTableUserDeletionTaskStep"
    priority = 1

    def __init__(self, rewriting: RecipientRewriteTable) -> None:
        self._rewriting = rewriting

    async def delete(self, user: Username) -> None:
        for address in await self._rewriting.own_addresses(user):
            own = MappingSource.of_address(address)
            for mapping in await self._rewriting.mappings(own):
                await self._rewriting.remove(own, mapping)
            for kind in _TO_ADDRESSES:
                mapping = Mapping(kind, str(address).lower())
                for source in await self._rewriting.sources(mapping):
                    await self._rewriting.remove(source, mapping)


def _forward(address: MailAddress) -> Mapping:
    return Mapping(MappingType.FORWARD, str(address).lower())
