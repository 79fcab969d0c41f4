"""Path and query parameters, with James's complaints."""

import re
from collections.abc import Sequence
from datetime import datetime

from starlette.requests import Request

from compostela.base.errors import InvalidArgument
from compostela.base.units import parse_duration
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.web.webadmin.errors import invalid

_ZONE_NAME = re.compile(r"\[[^\]]*\]$")


def domain_of(request: Request, name: str = "domain") -> Domain:
    return Domain.parse(request.path_params[name])


def username_of(request: Request, name: str = "username") -> Username:
    return Username.parse(request.path_params[name])


def address_of(request: Request, name: str) -> MailAddress:
    return MailAddress.parse(request.path_params[name])


def limit_of(request: Request) -> int | None:
    """`limit`: strictly positive; None when absent."""
    return None if "limit" not in request.query_params else positive_of(request, "limit", 1)


def offset_of(request: Request) -> int:
    return _number(request, "offset") or 0


def positive_of(request: Request, name: str, default: int) -> int:
    """Strictly positive; the default when absent."""
    number = _number(request, name)
    if number == 0:
        raise invalid(f"{name} can not be equal to zero")
    return default if number is None else number


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        raise invalid(f"Can not parse {name}") from None
    if number < 0:
        raise invalid(f"{name} can not be negative")
    return number


def boolean_of(request: Request, name: str, default: bool | None) -> bool | None:
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    if text.lower() not in ("true", "false"):
        raise invalid(f"'{name}' must be true or false")
    return text.lower() == "true"


def duration_of(request: Request, name: str, default_unit: str) -> float | None:
    """Seconds; None when absent."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return parse_duration(text, default_unit)
    except InvalidArgument as wrong:
        raise invalid(f"{name}: {wrong}") from wrong


def time_of(request: Request, name: str) -> float | None:
    """Epoch seconds of an ISO date and time with its zone (`2026-04-15T07:23:27.541254+07:00`); None when absent."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        # Java writes the zone's name after its offset
        moment = datetime.fromisoformat(_ZONE_NAME.sub("", text))
    except ValueError:
        raise invalid(f"Invalid {name} query parameter: {text!r} is no date and time") from None
    if moment.tzinfo is None:
        raise invalid(f"Invalid {name} query parameter: {text!r} has no time zone")
    return moment.timestamp()


def chosen_of(request: Request, name: str, supported: Sequence[str]) -> str:
    """A compulsory query parameter that takes one of a few values."""
    text = request.query_params.get(name)
    known = f"Supported values are [{', '.join(supported)}]"
    if not text:
        raise invalid(f"'{name}' query parameter is compulsory. {known}")
    if text not in supported:
        raise invalid(f"Invalid value supplied for query parameter '{name}': {text}. {known}")
    return text
