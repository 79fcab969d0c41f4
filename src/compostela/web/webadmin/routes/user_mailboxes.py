"""/users/{username}/mailboxes: the mailboxes of one user."""

import contextlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.session import MailboxSession
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
    def __init__(self, users: UsersRepository, mailboxes: MailboxSession, tasks: Tasks) -> None:
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
        mailboxes = await self._mailboxes.list(await self._user(request))
        return JsonResponse([{"mailboxName": box.path.name, "mailboxId": str(box.id)} for box in mailboxes])

    async def exists(self, request: Request) -> Response:
        """204 when there is such a mailbox, otherwise 404."""
        await self._mailbox(request)
        return no_content()

    async def create(self, request: Request) -> Response:
        """Makes a mailbox and the parents that are missing."""
        path = await self._path(request)
        with contextlib.suppress(AlreadyExists):
            await self._mailboxes.create(path)
        return no_content()

    async def delete(self, request: Request) -> Response:
        """Deletes a mailbox with its children and their messages."""
        path = await self._path(request)
        found = await self._mailboxes.list(path.user)
        await self._mailboxes.delete_all([one for one in found if one.path == path or one.path.is_below(path)])
        return no_content()

    async def delete_all(self, request: Request) -> Response:
        """Deletes all mailboxes of a user with their messages."""
        await self._mailboxes.delete_all(await self._mailboxes.list(await self._user(request)))
        return no_content()

    async def message_count(self, request: Request) -> Response:
        """How many messages there are."""
        head = await self._mailboxes.status(await self._mailbox(request))
        return JsonResponse(head.messages)

    async def unseen_count(self, request: Request) -> Response:
        """How many messages are unseen."""
        head = await self._mailboxes.status(await self._mailbox(request))
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
        try:
            return await self._mailboxes.find(path)
        except NotFound:
            raise not_found(f"The mailbox '{path.name}' does not exist") from None
