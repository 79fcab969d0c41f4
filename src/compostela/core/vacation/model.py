"""A user's vacation settings: when automatic answers are sent and what they say."""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument

MAX_SUBJECT = 500
"""Characters."""
MAX_BODY = 100_000
"""Characters of the text, and of the HTML."""


@dataclass(frozen=True, slots=True)
class Vacation:
    """Times are epoch seconds; both ends belong to the period, None means open. Raises `InvalidArgument` for a period that ends
    before it begins and for texts beyond their limits."""

    is_enabled: bool = False
    from_at: float | None = None
    to_at: float | None = None
    subject: str | None = None
    """Of the answer; None for `Re:` with the subject of the mail."""
    text_body: str | None = None
    html_body: str | None = None

    def __post_init__(self) -> None:
        if self.from_at is not None and self.to_at is not None and self.to_at < self.from_at:
            raise InvalidArgument("the vacation must not end before it begins")
        if self.subject is not None and len(self.subject) > MAX_SUBJECT:
            raise InvalidArgument(f"the subject must not be longer than {MAX_SUBJECT} characters")
        for body in (self.text_body, self.html_body):
            if body is not None and len(body) > MAX_BODY:
                raise InvalidArgument(f"a body must not be longer than {MAX_BODY} characters")

    def is_active(self, now: float) -> bool:
        """Whether mail that arrives now is answered."""
        return self.is_enabled and (self.from_at or now) <= now <= (now if self.to_at is None else self.to_at)


NO_VACATION = Vacation()
