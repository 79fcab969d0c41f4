"""Whether a sender may write to a recipient."""

from compostela.core.drop_lists.model import GLOBAL, Denied, DeniedKind, DropList, Scope
from compostela.core.drop_lists.ports import DropListStore
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.users.data_steps import UserDeletionStep
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
    """The drop lists of the user's addresses."""

    name = "DropListUserDeletionTaskStep"
    priority = 9

    def __init__(self, rewriting: RecipientRewriteTable, store: DropListStore) -> None:
        self._rewriting = rewriting
        self._store = store

    async def delete(self, user: Username) -> None:
        for address in await self._rewriting.own_addresses(user):
            await self._store.clear(DropList.of(Scope.USER, str(address)))
