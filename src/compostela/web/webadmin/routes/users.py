"""/users: accounts and their passwords."""

import uuid
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.errors import AlreadyExists
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.tasks.model import TaskQuery, TaskRecord, TaskStatus
from compostela.core.tasks.service import Tasks
from compostela.core.users.service import UsersRepository
from compostela.core.users.tasks import ChangeUsername, ChangeUsernameTask, DeleteUserData, DeleteUserDataTask
from compostela.model.username import Username
from compostela.web.webadmin.errors import ApiError, conflict, invalid, not_found
from compostela.web.webadmin.json import JsonResponse, no_content, read_json
from compostela.web.webadmin.parameters import boolean_of, chosen_of, username_of
from compostela.web.webadmin.tasks import submitted

MAX_LOOKED_AT = 10_000
"""Ended tasks of each status, the latest first."""


class _Password(msgspec.Struct, forbid_unknown_fields=True):
    password: str


class UserRoutes:
    def __init__(self, users: UsersRepository, rewriting: RecipientRewriteTable, tasks: Tasks) -> None:
        self._users = users
        self._rewriting = rewriting
        self._tasks = tasks

    def routes(self) -> list[Route]:
        return [
            Route("/users", self.list, methods=["GET"]),
            Route("/users/{username}", self.put, methods=["PUT"]),
            Route("/users/{username}", self.exists, methods=["HEAD"]),
            Route("/users/{username}", self.remove, methods=["DELETE"]),
            Route("/users/{username}", self.delete_data, methods=["POST"]),
            Route("/users/{username}/rename/{new}", self.rename, methods=["POST"]),
            Route("/users/{username}/verify", self.verify, methods=["POST"]),
            Route("/users/{username}/allowedFromHeaders", self.allowed_from, methods=["GET"]),
        ]

    async def list(self, _: Request) -> Response:
        """All users."""
        return JsonResponse([{"username": str(user)} async for user in self._users.names()])

    async def put(self, request: Request) -> Response:
        """Makes a user with the `password` of the body; with `force`, sets the password of one that exists. 409 when the address
        is an alias, a group or a forward."""
        user = username_of(request)
        password = await self._password(request)
        if not await self._users.contains(user):
            await self._check_no_deletion(user)
            await self._rewriting.check_free(user)
            await self._users.add(user, password)
            await self._check_still_free(user)
        elif "force" in request.query_params:
            await self._users.set_password(user, password)
        else:
            raise conflict(f"User already exists: {user}")
        return no_content()

    async def _check_still_free(self, user: Username) -> None:
        """Takes the new user back if an alias was made while it was made."""
        try:
            await self._rewriting.check_free(user)
        except AlreadyExists:
            await self._users.remove(user)
            raise

    async def exists(self, request: Request) -> Response:
        """200 when there is such a user, otherwise 404."""
        return Response(status_code=200 if await self._users.contains(username_of(request)) else 404)

    async def remove(self, request: Request) -> Response:
        """Removes a user; the mailboxes stay."""
        await self._users.remove(username_of(request))
        return no_content()

    async def delete_data(self, request: Request) -> Response:
        """With `action=deleteData`, a task that deletes what is kept of a user, step by step; `fromStep` begins later, `force` takes
        a user who does not exist, `removeUser=true` removes the account first."""
        chosen_of(request, "action", ["deleteData"])
        user = username_of(request)
        if "force" not in request.query_params and not await self._users.contains(user):
            raise invalid(f"'{user}' parameter should be an existing user")
        from_step = request.query_params.get("fromStep") or None
        remove_user = boolean_of(request, "removeUser", False) is True
        return await submitted(
            self._tasks, DeleteUserDataTask.name, DeleteUserData(user.value, from_step, remove_user=remove_user)
        )

    async def rename(self, request: Request) -> Response:
        """With `action=rename`, submit a task that gives a user's data to another existing user, step by step. `fromStep` begins at a
        later step; with `force` the old user need not exist."""
        chosen_of(request, "action", ["rename"])
        old, new = username_of(request), username_of(request, "new")
        if old == new:
            raise invalid("'oldUser' and 'newUser' should be different")
        if "force" not in request.query_params and not await self._users.contains(old):
            raise invalid("'oldUser' parameter should be an existing user")
        if not await self._users.contains(new):
            raise invalid("'newUser' parameter should be an existing user")
        arguments = ChangeUsername(old.value, new.value, request.query_params.get("fromStep") or None)
        return await submitted(self._tasks, ChangeUsernameTask.name, arguments)

    async def verify(self, request: Request) -> Response:
        """204 when the `password` of the body is right, otherwise 401."""
        if await self._users.verify(username_of(request), await self._password(request)):
            return no_content()
        raise ApiError(401, "Unauthorized", "Invalid credentials")

    async def allowed_from(self, request: Request) -> Response:
        """Addresses that the user may send as."""
        user = username_of(request)
        await check_user(self._users, user)
        return JsonResponse(sorted(str(address) for address in await self._rewriting.addresses_of(user)))

    async def _check_no_deletion(self, user: Username) -> None:
        """A new user of a name must neither see what is left of the former one, nor lose mail to his deletion."""
        for task in await self._tasks.open(DeleteUserDataTask.name):
            if task.arguments.get("username") == user.value:
                raise conflict(
                    f"The data of the former user {user} is being deleted by the task {task.id}: wait for it"
                )
        if (early := await self._deletion_that_ended_early(user)) is not None:
            raise conflict(
                f"The deletion of the former user {user} ended early, by the task {early}: delete what is left "
                f"(compostela user remove {user} --delete-data --force)"
            )

    async def _deletion_that_ended_early(self, user: Username) -> uuid.UUID | None:
        """The task that removed the account and left some of the data, if none has deleted the rest since."""
        failed = [
            task
            for status in (TaskStatus.FAILED, TaskStatus.CANCELED)
            for task in await self._deletions(user, status)
            if task.arguments.get("remove_user")
        ]
        if not failed:
            return None
        last = max(failed, key=lambda task: task.submitted_at)
        completed = await self._deletions(user, TaskStatus.COMPLETED)
        return None if any(task.submitted_at > last.submitted_at for task in completed) else last.id

    async def _deletions(self, user: Username, status: TaskStatus) -> Sequence[TaskRecord]:
        query = TaskQuery(status, DeleteUserDataTask.name)
        tasks = await self._tasks.page(query, offset=0, limit=MAX_LOOKED_AT)
        return [task for task in tasks if task.arguments.get("username") == user.value]

    async def _password(self, request: Request) -> str:
        password = (await read_json(request, _Password)).password
        if not password:
            raise invalid("The password must not be empty")
        return password


async def check_user(users: UsersRepository, user: Username) -> None:
    """404 for a user that does not exist."""
    if not await users.contains(user):
        raise not_found(f"The user {user} does not exist")
