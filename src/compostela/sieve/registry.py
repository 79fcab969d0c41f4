"""All commands and tests that the engine knows."""

from compostela.sieve.definition import CommandDefinition, Definition, TestDefinition
from compostela.sieve.extensions import (
    body,
    date,
    duplicate,
    editheader,
    enotify,
    environment,
    extlists,
    ihave,
    imap4flags,
    include,
    log,
    mailbox,
    mime,
    replace,
    spamtest,
    special_use,
    vacation,
    variables,
)
from compostela.sieve.language import actions, control, tests

_MODULES = (
    control, actions, tests, body, date, duplicate, editheader, enotify, environment, extlists, ihave, imap4flags, include, log,
    mailbox, mime, replace, spamtest, special_use, vacation, variables,
)  # fmt: skip
_ALL: tuple[Definition, ...] = tuple(one for module in _MODULES for one in module.DEFINITIONS)

COMMANDS = {one.signature.name: one for one in _ALL if isinstance(one, CommandDefinition)}
TESTS = {one.signature.name: one for one in _ALL if isinstance(one, TestDefinition)}
