"""/vacation/{username}: automatic answers of a user."""

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.users.service import UsersRepository
from compostela.core.vacation.model import Vacation
from compostela.core.vacation.ports import VacationStore
from compostela.model.username import Username
from compostela.web.webadmin.json import JsonResponse, no_content, read_json
from compostela.web.webadmin.parameters import username_of
from compostela.web.webadmin.routes.users import check_user

Time = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class _Patch(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What is absent stays, null takes away."""

    enabled: bool | UnsetType = UNSET
    from_date: Time | UnsetType | None = UNSET
    to_date: Time | UnsetType | None = UNSET
    subject: str | UnsetType | None = UNSET
    text_body: str | UnsetType | None = UNSET
    html_body: str | UnsetType | None = UNSET

    def applied_to(self, old: Vacation) -> Vacation:
        """Raises `InvalidArgument`."""
        return Vacation(
            is_enabled=old.is_enabled if self.enabled is UNSET else self.enabled,
            from_at=old.from_at if self.from_date is UNSET else _seconds(self.from_date),
            to_at=old.to_at if self.to_date is UNSET else _seconds(self.to_date),
            subject=old.subject if self.subject is UNSET else self.subject,
            text_body=old.text_body if self.text_body is UNSET else self.text_body,
            html_body=old.html_body if self.html_body is UNSET else self.html_body,
        )


class VacationRoutes:
    def __init__(self, users: UsersRepository, vacations: VacationStore) -> None:
        self._users = users
        self._vacations = vacations

    def routes(self) -> list[Route]:
        path = "/vacation/{username}"
        return [
            Route(path, self.get, methods=["GET"]),
            Route(path, self.change, methods=["POST"]),
            Route(path, self.clear, methods=["DELETE"]),
        ]

    async def get(self, request: Request) -> Response:
        """The vacation of a user: `enabled`, `fromDate`, `toDate`, `subject`, `textBody`, `htmlBody`."""
        found = await self._vacations.get(await self._user(request))
        return JsonResponse(
            {
                "enabled": found.is_enabled,
                "fromDate": _date(found.from_at),
                "toDate": _date(found.to_at),
                "subject": found.subject,
                "textBody": found.text_body,
                "htmlBody": found.html_body,
            }
        )

    async def change(self, request: Request) -> Response:
        """Changes what the body gives of these; null takes a value away. Senders who were answered are answered anew."""
        user = await self._user(request)
        patch = await read_json(request, _Patch)
        await self._vacations.set(user, patch.applied_to(await self._vacations.get(user)))
        return no_content()

    async def clear(self, request: Request) -> Response:
        """Ends the vacation and forgets its texts."""
        await self._vacations.clear(await self._user(request))
        return no_content()

    async def _user(self, request: Request) -> Username:
        user = username_of(request)
        await check_user(self._users, user)
        return user


def _seconds(date: dt.datetime | None) -> float | None:
    return None if date is None else date.timestamp()


def _date(at: float | None) -> str | None:
    return None if at is None else dt.datetime.fromtimestamp(at, dt.UTC).isoformat().replace("+00:00", "Z")
