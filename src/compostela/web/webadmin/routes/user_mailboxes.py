"""/users/{username}/mailboxes: the mailboxes of one user."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.mailbox.manager import MailboxManager
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.tasks import ClearMailbox, ClearMailboxTask
from compostela.core.tasks.service import Tasks
from compostela.core.users.service import UsersRepository
from compostela.model.mailbox_path import MailboxPath, check_mailbox_name
from compostela.model.username import Username
from compostela.web.webadmin.errors import not_found
from compostela.web.webadmin.json import JsonResponse, no_content
from compostela.web.webadmin.parameters import username_of
from compostela.web.webadmin.routes.users import check_user
from compostela.web.webadmin.tasks import submitted

_ALL = "/users/{username}/mailboxes"
_ONE = "/users/{username}/mailboxes/{mailbox}"


class UserMailboxRoutes:
    def __init__(self, users: UsersRepository, mailboxes: MailboxManager, tasks: Tasks) -> None:
        self._users = users
        self._mailboxes = mailboxes
        self._tasks = tasks

    def routes(self) -> list[Route]:
        return [
            Route(_ALL, self.list, methods=["GET"]),
            Route(_ALL, self.delete_all, methods=["DELETE"]),
            Route(_ONE, self.exists, methods=["GET"]),
            Route(_ONE, self.create, methods=["PUT"]),
            Route(_ONE, self.delete, methods=["DELETE"]),
            Route(_ONE + "/messageCount", self.message_count, methods=["GET"]),
            Route(_ONE + "/unseenMessageCount", self.unseen_count, methods=["GET"]),
            Route(_ONE + "/messages", self.clear, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """All mailboxes of a user; with `force`, also of one that does not exist."""
        mailboxes = await self._mailboxes.store.of_user(await self._user(request))
        return JsonResponse([{"mailboxName": box.path.name, "mailboxId": str(box.id)} for box in mailboxes])

    async def exists(self, request: Request) -> Response:
        """204 when there is such a mailbox, otherwise 404."""
        await self._mailbox(request)
        return no_content()

    async def create(self, request: Request) -> Response:
        """Makes a mailbox and the parents that are missing."""
        path = await self._path(request)
        if await self._mailboxes.store.find(path) is None:
            await self._mailboxes.create(path)
        return no_content()

    async def delete(self, request: Request) -> Response:
        """Deletes a mailbox with its children and their messages."""
        path = await self._path(request)
        for mailbox in await self._mailboxes.store.of_user(path.user):
            if mailbox.path == path or mailbox.path.is_below(path):
                await self._mailboxes.store.delete(mailbox.id)
        return no_content()

    async def delete_all(self, request: Request) -> Response:
        """Deletes all mailboxes of a user with their messages."""
        for mailbox in await self._mailboxes.store.of_user(await self._user(request)):
            await self._mailboxes.store.delete(mailbox.id)
        return no_content()

    async def message_count(self, request: Request) -> Response:
        """How many messages there are."""
        head = await self._mailboxes.store.head((await self._mailbox(request)).id)
        return JsonResponse(head.messages)

    async def unseen_count(self, request: Request) -> Response:
        """How many messages are unseen."""
        head = await self._mailboxes.store.head((await self._mailbox(request)).id)
        return JsonResponse(head.unseen)

    async def clear(self, request: Request) -> Response:
        """A task that removes all messages."""
        mailbox = await self._mailbox(request)
        arguments = ClearMailbox(str(mailbox.id), str(mailbox.path.user), mailbox.path.name)
        return await submitted(self._tasks, ClearMailboxTask.name, arguments)

    async def _user(self, request: Request) -> Username:
        user = username_of(request)
        if "force" not in request.query_params:
            await check_user(self._users, user)
        return user

    async def _path(self, request: Request) -> MailboxPath:
        user = await self._user(request)
        name: str = request.path_params["mailbox"]
        check_mailbox_name(name)
        return MailboxPath.personal(user, name)

    async def _mailbox(self, request: Request) -> Mailbox:
        path = await self._path(request)
        mailbox = await self._mailboxes.store.find(path)
        if mailbox is None:
            raise not_found(f"The mailbox '{path.name}' does not exist")
        return mailbox
