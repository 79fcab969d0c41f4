"""Whether a sender may write to a recipient."""

from compostela.core.drop_lists.model import GLOBAL, Denied, DeniedKind, DropList, Scope
from compostela.core.drop_lists.ports import DropListStore
from compostela.core.users.data_steps import UserDeletionStep
from compostela.core.users.service import UsersRepository
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username


async def accepts(store: DropListStore, sender: MailAddress, recipient: MailAddress) -> bool:
    """Whether no list turns the sender away: the global one, that of the recipient's domain, that of the recipient."""
    lists = (
        GLOBAL,
        DropList(Scope.DOMAIN, recipient.domain.name),
        DropList(Scope.USER, str(recipient).lower()),
    )
    names = (Denied(DeniedKind.ADDRESS, str(sender).lower()), Denied(DeniedKind.DOMAIN, sender.domain.name))
    return not await store.denies(lists, names)


class DropListDeletion(UserDeletionStep):
    """The user's own drop list."""

    name = "DropListUserDeletionTaskStep"
    priority = 9

    def __init__(self, users: UsersRepository, store: DropListStore) -> None:
        self._users = users
        self._store = store

    async def delete(self, user: Username) -> None:
        address = self._users.address_of(user)
        if address is not None:
            await self._store.clear(DropList.of(Scope.USER, str(address)))
