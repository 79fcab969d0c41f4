"""Commands on mailboxes: CREATE, DELETE, RENAME, SUBSCRIBE, LIST, LSUB, STATUS, NAMESPACE."""

import re
from collections.abc import Iterable

from compostela.base.errors import AlreadyExists, InvalidArgument, NotFound
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.special_uses import SPECIAL_USES
from compostela.model.mailbox_path import DELIMITER, INBOX, MailboxPath, normalise_mailbox_name
from compostela.model.username import Username
from compostela.net.imap.reply import Context, Refused, mailboxes_of
from compostela.protocols.imap import commands
from compostela.protocols.imap.responses import list_line, mailbox_name, untagged

_OWN = "#private" + DELIMITER
MAX_PATTERN_WILDCARDS = 20


def path_of(user: Username, name: str) -> MailboxPath:
    """The mailbox that a client names. Raises `Refused` for other users' mailboxes."""
    if name.startswith(_OWN):
        name = name[len(_OWN) :]
    elif name.startswith("#"):
        raise Refused("You can not access a mailbox that does not belong to you", "NOPERM")
    return MailboxPath.personal(user, name)


async def target_of(context: Context, path: MailboxPath) -> Mailbox:
    """The mailbox that messages shall go to. Raises `Refused` with TRYCREATE (RFC 3501 §6.3.11)."""
    try:
        return await mailboxes_of(context.state).find(path)
    except NotFound:
        raise Refused("Mailbox not found.", "TRYCREATE") from None


async def run(context: Context, user: Username, command: commands.MailboxCommand) -> str:
    """Gives the response code of the tagged OK."""
    mailboxes = mailboxes_of(context.state)
    path = path_of(user, command.mailbox)
    try:
        match command.name:
            case "CREATE":
                mailbox = await mailboxes.create(path)
                return f"MAILBOXID ({mailbox.id})"
            case "DELETE":
                await mailboxes.delete(path)
            case "SUBSCRIBE":
                await mailboxes.find(path)
                await mailboxes.subscribe(path)
            case _:
                await mailboxes.unsubscribe(path)
    except AlreadyExists:
        raise Refused("Mailbox already exists.", "ALREADYEXISTS") from None
    except NotFound:
        raise Refused("Mailbox not found.", "NONEXISTENT") from None
    except InvalidArgument as wrong:
        raise Refused(str(wrong), "CANNOT") from None
    return ""


async def rename(context: Context, user: Username, command: commands.Rename) -> str:
    try:
        await mailboxes_of(context.state).rename(path_of(user, command.source), path_of(user, command.target))
    except AlreadyExists:
        raise Refused("Mailbox already exists.", "ALREADYEXISTS") from None
    except NotFound:
        raise Refused("Mailbox not found.", "NONEXISTENT") from None
    except InvalidArgument as wrong:
        raise Refused(str(wrong), "CANNOT") from None
    return ""


async def namespace(context: Context) -> str:
    context.out.write(untagged('NAMESPACE (("" ".")) NIL NIL'))
    return ""


async def list_mailboxes(context: Context, user: Username, command: commands.List) -> str:
    """LIST and LSUB (RFC 3501 §6.3.8, RFC 5258, RFC 6154)."""
    kind = "LSUB" if command.is_lsub else "LIST"
    if command.patterns == ("",):
        context.out.write(b'* %s (\\Noselect) "." ""\r\n' % kind.encode())
        return ""
    own = mailboxes_of(context.state)
    mailboxes = {mailbox.path.name: mailbox for mailbox in await own.list(user)}
    if INBOX not in mailboxes:
        mailboxes[INBOX] = await own.find(MailboxPath.inbox(user))  # made anew: administration has deleted it
    wants_subscribed = command.subscribed or "SUBSCRIBED" in command.returns
    subscribed = set(await own.subscriptions(user)) if wants_subscribed else set()
    matcher = _matcher([_joined(command.reference, pattern) for pattern in command.patterns])
    names, above = _names(command, mailboxes, subscribed, matcher)
    for name in sorted(names):
        special = SPECIAL_USES.get(name)
        if command.special_use and special is None:
            continue
        attributes = _attributes(name, mailboxes, names, subscribed, command)
        has_subscribed = command.is_recursive and name in above
        context.out.write(list_line(kind, attributes, name, has_subscribed=has_subscribed))
        if command.status_items and name in mailboxes:
            await _write_status(context, mailboxes[name], command.status_items)
    return ""


def _names(
    command: commands.List, mailboxes: dict[str, Mailbox], subscribed: set[str], matcher: "_matcher"
) -> tuple[set[str], set[str]]:
    """The names to tell, and those that have subscribed names below which the patterns do not match.

    Parents that exist only by their children are told. Among subscriptions a parent is told for `%` of LSUB (RFC 3501 §6.3.9) and
    for RECURSIVEMATCH (RFC 5258 §3.5), if the patterns leave the name below out."""
    if not command.subscribed:
        return {name for name in (*mailboxes, *_parents(mailboxes)) if matcher(name)}, set()
    names = {name for name in subscribed if matcher(name)}
    above = set[str]()
    if command.is_recursive or (command.is_lsub and "%" in command.patterns[0]):
        above = {name for name in _parents(subscribed - names) if matcher(name)}
    return names | above, above


def _parents(names: Iterable[str]) -> set[str]:
    found = set[str]()
    for name in names:
        levels = name.split(DELIMITER)
        found.update(DELIMITER.join(levels[:count]) for count in range(1, len(levels)))
    return found


def _attributes(
    name: str, mailboxes: dict[str, Mailbox], names: set[str], subscribed: set[str], command: commands.List
) -> list[str]:
    found = []
    if command.is_lsub:
        return ["\\Noselect"] if name not in subscribed else []
    if name not in mailboxes:
        found.append("\\NonExistent" if command.subscribed else "\\Noselect")
    has_children = any(other.startswith(name + DELIMITER) for other in (*mailboxes, *names))
    found.append("\\HasChildren" if has_children else "\\HasNoChildren")
    if name in subscribed and (command.subscribed or "SUBSCRIBED" in command.returns):
        found.append("\\Subscribed")
    special = SPECIAL_USES.get(name)
    if special is not None:
        found.append(special)
    return found


def _joined(reference: str, pattern: str) -> str:
    full = reference + pattern
    return full[len(_OWN) :] if full.startswith(_OWN) else full


class _matcher:  # noqa: N801 - used as a function
    """Whether a name matches any of the patterns. `*` matches anything, `%` all but the delimiter. Patterns are cut into
    pieces between stars, so that matching takes no exponential time."""

    def __init__(self, patterns: list[str]) -> None:
        self._expressions = []
        for pattern in patterns:
            if pattern.count("*") + pattern.count("%") > MAX_PATTERN_WILDCARDS:
                raise Refused("Too many wildcards.", status="BAD")
            normal = re.sub(r"[*%]*\*[*%]*", "*", re.sub("%+", "%", normalise_mailbox_name(pattern)))
            parts = re.split(r"([*%])", normal)
            self._expressions.append(
                re.compile("".join(".*" if one == "*" else r"[^.]*" if one == "%" else re.escape(one) for one in parts))
            )

    def __call__(self, name: str) -> bool:
        return any(expression.fullmatch(name) for expression in self._expressions)


async def status(context: Context, user: Username, command: commands.Status) -> str:
    if "HIGHESTMODSEQ" in command.items:
        context.state.condstore = True
    try:
        mailbox = await mailboxes_of(context.state).find(path_of(user, command.mailbox))
    except NotFound:
        raise Refused("Mailbox not found.", "NONEXISTENT") from None
    await _write_status(context, mailbox, command.items)
    return ""


async def _write_status(context: Context, mailbox: Mailbox, items: tuple[str, ...]) -> None:
    head = await mailboxes_of(context.state).status(mailbox)
    values: dict[str, object] = {
        "MESSAGES": head.messages,
        "RECENT": head.recent,
        "UIDNEXT": head.uid_next,
        "UIDVALIDITY": mailbox.uid_validity,
        "UNSEEN": head.unseen,
        "HIGHESTMODSEQ": head.highest_modseq,
        "SIZE": head.size_bytes,
        "DELETED": head.deleted,
        "DELETED-STORAGE": head.deleted_bytes,
        "MAILBOXID": f"({mailbox.id})",
        "APPENDLIMIT": context.server.settings.max_literal_bytes or "NIL",
    }
    text = " ".join(f"{item} {values[item]}" for item in items)
    context.out.write(b"* STATUS %s (%s)\r\n" % (mailbox_name(mailbox.path.name), text.encode()))
