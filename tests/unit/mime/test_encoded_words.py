"""Encoded words as they are sent (RFC 2047)."""

import pytest

from compostela.mime.encoded_words import decode


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?UTF-8?B?S8M=?= =?UTF-8?B?tmxu?=", "Köln"),
        (b"=?UTF-8?Q?K=C3?=\t=?utf-8?Q?=B6ln?=", "Köln"),
        (b"=?UTF-8?Q?K=C3?= =?utf-8?B?tmxu?=", "Köln"),
        (b"=?UTF-8?B?S8O2b?= =?UTF-8?B?G4=?=", "Köln"),
        (b"=?iso-2022-jp?B?GyRCMnE=?= =?ISO-2022-JP?B?NUQbKEI=?=", "会議"),
        (b"=?utf-8?Q?a?= =?iso-8859-1?Q?=E9?= b", "aé b"),
        (b"=?utf-8?Q?Fu=C3=9Fball heute?=", "Fußball heute"),
        (b"=?utf-8?B?S8O2 bG4=?=", "Köln"),
        (b"=?utf-8?Q?K=c3=b6ln_?= =?utf-8?q?heute?=", "Köln heute"),
        (b"=?utf-8*de?Q?K=C3=B6ln?=", "Köln"),
        (b"=?utf-8?Q?Wie?=C3=B6?=", "Wie?ö"),
        (b"=?utf-8?Q?Wirklich??= =?utf-8?Q?_ja?=", "Wirklich? ja"),
        (b"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"),
        (b"x=?utf-8?Q?=C3=B6?=y", "xöy"),
        (b'"=?utf-8?Q?K=C3=B6ln?=" <a@b>', '"Köln" <a@b>'),
        (b"=?utf-8?Q?K\xc3\xb6ln?=", "Köln"),
        (b"=?iso-8859-1?Q?K\xf6ln?=", "Köln"),
        (b"=?utf-8?Q??= a", " a"),
        (b"=?utf-8 ?Q?K=C3=B6ln?=", "Köln"),
        (b"=?utf-8? B ?S8O2bG4=?= a", "Köln a"),
        (b"=?x-unknown?Q?hello?=", "hello"),
        (b"=?unknown-8bit?Q?Gr=FC=DFe?=", "Grüße"),
        (b"=?utf-8?X?hello?=", "=?utf-8?X?hello?="),
        (b"=?utf-8?Q?open", "=?utf-8?Q?open"),
        (b"Gr\xfc\xdfe", "Grüße"),
        (b"Gr\xc3\xbc\xdfe", "Grüße"),
        (b"a  b", "a  b"),
    ],
)
def test_words_are_decoded(value: bytes, text: str) -> None:
    assert decode(value) == text
