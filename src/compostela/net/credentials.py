"""Checking what a SASL exchange claims, for all protocols."""

from compostela.base.errors import InvalidArgument
from compostela.core.users.service import UsersRepository
from compostela.model.username import Username
from compostela.protocols.sasl.mechanisms import PasswordCredentials


async def authenticate(users: UsersRepository, credentials: PasswordCredentials) -> Username | None:
    """The user as whom the client acts, None when refused. Acting for another is an administrator's right."""
    try:
        user = Username.parse(credentials.authentication_id)
        target = Username.parse(credentials.authorization_id or credentials.authentication_id)
    except InvalidArgument:
        return None
    if not await users.verify(user, credentials.password):
        return None
    if target != user and not (users.is_administrator(user) and await users.contains(target)):
        return None
    return target
