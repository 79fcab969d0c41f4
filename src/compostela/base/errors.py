"""The errors that cross the borders of components, told apart by whose fault they are.

A peer's fault is answered by the protocol, an operator's is a `ConfigurationError` with its place, the environment's is a
`TemporaryFailure` to be retried, and anything else is a bug of ours. An adapter turns its driver's exceptions into these
where they enter and keeps the cause (`raise … from`).
"""


class CompostelaError(Exception):
    """Base of all errors that the platform raises on purpose."""


class InvalidArgument(CompostelaError, ValueError):
    """A value from outside that breaks the rules of its type. The text may be shown to its sender."""


class NotFound(CompostelaError):
    """What was asked for by name or id is not there."""


class AlreadyExists(CompostelaError):
    """What was to be made is there already."""


class TemporaryFailure(CompostelaError):
    """The environment failed (disk, engine, network), and the call is not known to be done: it may have happened or not, and
    what it wrote is whole or absent. The same call may succeed later. A caller that repeats it gives an idempotency key or
    makes a call that does no harm when it happens twice."""


class StorageFull(TemporaryFailure):
    """No room for new data. Deletions still work from the reserve."""


class QuotaExceeded(CompostelaError):
    """The owner of a mailbox has no room left; other owners are not concerned."""
