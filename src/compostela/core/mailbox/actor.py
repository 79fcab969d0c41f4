"""The user or system that acts on mailboxes."""

from dataclasses import dataclass

from compostela.model.username import Username


@dataclass(frozen=True, slots=True)
class Actor:
    """A user, a delegate who acts as a user, or the system.

    `user` is the user whose rights count, None for the system. `login` is the user who logged in: another one for a
    delegate. Use `Actor.of`, `Actor.delegate` and `SYSTEM`."""

    user: Username | None
    login: Username | None

    @classmethod
    def of(cls, user: Username) -> "Actor":
        return cls(user, user)

    @classmethod
    def delegate(cls, login: Username, user: Username) -> "Actor":
        """`login` acts as `user`."""
        return cls(user, login)

    @property
    def is_system(self) -> bool:
        return self.user is None


SYSTEM = Actor(None, None)
"""The server itself: delivery, administration, tasks."""
