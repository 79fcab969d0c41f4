"""What posters of forms keep to."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import pytest

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.web_forms.ports import FormNotPosted, FormPoster

PATIENCE = 60.0


@dataclass(slots=True)
class FormServer:
    """A server of forms: answers with `status`, with None not at all. `forms` has the fields of each form it got, decoded, and
    `media_types` the types."""

    url: str
    status: int | None = 200
    forms: list[list[tuple[str, bytes]]] = field(default_factory=list)
    media_types: list[str] = field(default_factory=list)


class FormPosterContract:
    """A subclass gives `poster` and `server`, a function that runs a `FormServer`."""

    ports = (FormPoster,)
    server: Callable[..., AbstractAsyncContextManager[FormServer]]

    async def test_fields_arrive_in_order_and_octet_for_octet(self, poster: FormPoster) -> None:
        octets = bytes(range(256)) * 5000
        message = MessageContent(b"Subject: a&b=c +%\r\n\r\n", MemoryBody(octets))
        fields = [("key", "é & +%"), ("", ""), ("Received", b"\xff\xfe"), ("key", "again"), ("message", message)]
        async with self.server() as server:
            answer = await poster.post(server.url, fields, PATIENCE)
        assert (answer.status, answer.is_success) == (200, True)
        assert server.media_types == ["application/x-www-form-urlencoded"]
        assert server.forms == [
            [
                ("key", "é & +%".encode()),
                ("", b""),
                ("Received", b"\xff\xfe"),
                ("key", b"again"),
                ("message", message.header + octets),
            ]
        ]

    async def test_a_form_may_be_empty(self, poster: FormPoster) -> None:
        async with self.server() as server:
            assert (await poster.post(server.url, [], PATIENCE)).is_success
        assert server.forms == [[]]

    @pytest.mark.parametrize("status", [204, 302, 404, 503])
    async def test_the_answer_is_told(self, poster: FormPoster, status: int) -> None:
        async with self.server() as server:
            server.status = status
            answer = await poster.post(server.url, [("a", "b")], PATIENCE)
        assert (answer.status, answer.is_success) == (status, status == 204)
        assert len(server.forms) == 1

    async def test_silence_ends(self, poster: FormPoster) -> None:
        async with self.server() as server:
            server.status = None
            with pytest.raises(FormNotPosted):
                await poster.post(server.url, [("a", "b")], 0.1)

    async def test_a_server_that_is_away_is_told(self, poster: FormPoster) -> None:
        async with self.server() as server:
            pass
        with pytest.raises(FormNotPosted):
            await poster.post(server.url, [("a", "b")], PATIENCE)
