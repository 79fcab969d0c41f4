"""Header values with parameters, as they are sent."""

import pytest

from compostela.mime.parameters import get, parse


@pytest.mark.parametrize(
    ("value", "head", "parameters"),
    [
        (b"text/plain; charset=utf-8", b"text/plain", {b"charset": b"utf-8"}),
        (b"text/plain (a; b=c); charset=utf-8", b"text/plain", {b"charset": b"utf-8"}),
        (b"(x) text/plain; charset=(y;z=1) utf-8 (nested (c=d))", b"text/plain", {b"charset": b"utf-8"}),
        (b'text/plain; charset=utf-8 ("); x=y', b"text/plain", {b"charset": b"utf-8", b"x": b"y"}),
        (b'text/plain; name="a (b).txt"', b"text/plain", {b"name": b"a (b).txt"}),
        (b"text/plain charset=utf-8", b"text/plain", {b"charset": b"utf-8"}),
        (b'multipart/mixed boundary="b c"', b"multipart/mixed", {b"boundary": b"b c"}),
        (b"text/plain; charset=utf-8 format=flowed", b"text/plain", {b"charset": b"utf-8", b"format": b"flowed"}),
        (b'text/plain; charset="utf-8" name="a b"', b"text/plain", {b"charset": b"utf-8", b"name": b"a b"}),
        (b"attachment; filename=my long name.pdf", b"attachment", {b"filename": b"my long name.pdf"}),
        (b"attachment; filename=a b.pdf; size=3", b"attachment", {b"filename": b"a b.pdf", b"size": b"3"}),
        (b'attachment; filename="a\\"b.pdf"', b"attachment", {b"filename": b'a"b.pdf'}),
        (b"text/plain;; charset = utf-8 ;", b"text/plain", {b"charset": b"utf-8"}),
        (b'text/plain; charset="utf-8', b"text/plain", {b"charset": b"utf-8"}),
        (b"text / html; CHARSET=x", b"text / html", {b"charset": b"x"}),
        (b"a; filename*=UTF-8''%c3%bc.txt", b"a", {b"filename*": b"UTF-8''%c3%bc.txt"}),
        (b"a; f*0*=UTF-8''%c3; f*1*=%bc; f*2=.txt", b"a", {b"f*": b"UTF-8''%c3%bc.txt"}),
        (b"a; f*1=b; f*0=a", b"a", {b"f": b"ab"}),
        (
            b"attachment; filename=report (1).pdf; size=3",
            b"attachment",
            {b"filename": b"report (1).pdf", b"size": b"3"},
        ),
        (b"attachment; filename=a(b).txt (a comment)", b"attachment", {b"filename": b"a(b).txt"}),
        (b"text/html, charset=utf-8", b"text/html", {b"charset": b"utf-8"}),
        (b"text/html,charset=utf-8", b"text/html", {b"charset": b"utf-8"}),
        (b"filename=a,b.txt", b"", {b"filename": b"a,b.txt"}),
        (b"; filename=x.txt", b"", {b"filename": b"x.txt"}),
        (b"base64, 8bit", b"base64", {}),
        (b"base64", b"base64", {}),
        (b"", b"", {}),
    ],
)
def test_values_are_read(value: bytes, head: bytes, parameters: dict[bytes, bytes]) -> None:
    assert (parse(value)[0], dict(parse(value)[1])) == (head, parameters)


def test_the_extended_form_is_decoded_when_it_is_asked_for() -> None:
    _, parameters = parse(b"a; filename=u.txt; filename*=iso-8859-1'de'%fc.txt")
    assert get(parameters, b"filename") == "ü.txt".encode()
    assert get(parameters, b"size") is None
