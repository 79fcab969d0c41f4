"""The errors that cross the borders of components, told apart by whose fault they are.

A peer's fault is answered by the protocol, an operator's is a `ConfigurationError` with its place, the environment's is a
`TemporaryFailure` to be retried, and anything else is a bug of ours. An adapter turns its driver's exceptions into these
where they enter and keeps the cause (`raise … from`).
"""


class CompostelaError(Exception):
    """Base of all errors that the platform raises on purpose."""


class InvalidArgument(CompostelaError, ValueError):
    """A value from outside that breaks the rules of its type. The text may be shown to whoever sent it."""


class NotFound(CompostelaError):
    """What was asked for by name or id is not there."""


class AlreadyExists(CompostelaError):
    """What was to be made is there already."""


class TemporaryFailure(CompostelaError):
    """The environment failed (disk, engine, network): nothing was done, the same call may succeed later."""


class StorageFull(TemporaryFailure):
    """No room for new data. Deletions still work from the reserve."""


class QuotaExceeded(CompostelaError):
    """The owner of a mailbox has no room left; other owners are not concerned."""
