"""The commands about scripts, each answered in full."""

from collections.abc import Iterable

from compostela.base.errors import AlreadyExists, InvalidArgument, NotFound, TemporaryFailure
from compostela.core.sieve.model import (
    InvalidScript,
    ScriptIsActive,
    ScriptProblem,
    ScriptSpaceExceeded,
    TooManyScripts,
)
from compostela.model.username import Username
from compostela.net.managesieve.server import ManageSieveServer
from compostela.protocols.managesieve import responses
from compostela.protocols.managesieve.commands import (
    CheckScript,
    Command,
    DeleteScript,
    GetScript,
    HaveSpace,
    ListScripts,
    PutScript,
    RenameScript,
    SetActive,
)

MAX_TOLD = 20
"""Warnings of one script that are told."""


async def answer(server: ManageSieveServer, user: Username, command: Command) -> bytes:
    """What the client is sent. Raises `TemporaryFailure`."""
    try:
        return await _done(server, user, command)
    except TemporaryFailure:
        raise
    except NotFound:
        return responses.no("There is no script by that name", responses.NONEXISTENT)
    except AlreadyExists:
        return responses.no("A script of that name exists already", responses.ALREADYEXISTS)
    except ScriptIsActive:
        return responses.no("The active script cannot be deleted", responses.ACTIVE)
    except ScriptSpaceExceeded:
        return too_large()
    except TooManyScripts:
        return responses.no("There are too many scripts", responses.MAXSCRIPTS)
    except InvalidScript as wrong:
        return responses.no(f"Syntax Error: {wrong}")
    except InvalidArgument as wrong:
        return responses.no(str(wrong))


def too_large() -> bytes:
    """The answer to a script that is beyond a limit."""
    return responses.no("The script is too large", responses.MAXSIZE)


async def _done(server: ManageSieveServer, user: Username, command: Command) -> bytes:
    scripts = server.scripts
    match command:
        case HaveSpace(name, size_bytes):
            if size_bytes > server.max_script_bytes:
                return too_large()
            await scripts.check_space(user, name, size_bytes)
        case PutScript(name, script):
            return _with_warnings(await scripts.put(user, name, script))
        case CheckScript(script):
            return _with_warnings(await scripts.check(script))
        case ListScripts():
            found = await scripts.scripts(user)
            return responses.listing((one.name, one.is_active) for one in found) + responses.ok()
        case SetActive(name):
            await scripts.activate(user, name)
        case GetScript(name):
            return responses.script(await scripts.text(user, name)) + responses.ok()
        case DeleteScript(name):
            await scripts.delete(user, name)
        case RenameScript(old_name, new_name):
            await scripts.rename(user, old_name, new_name)
        case _:
            raise TypeError(f"{command!r} is not about scripts")
    return responses.ok()


def _with_warnings(warnings: Iterable[ScriptProblem]) -> bytes:
    text = "\r\n".join(str(one) for one in list(warnings)[:MAX_TOLD])
    return responses.ok(text, responses.WARNINGS if text else b"")
