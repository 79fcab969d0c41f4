"""The header that SCRAM and OAUTHBEARER share (RFC 5801 §4)."""

from compostela.base.errors import InvalidArgument


def parse_gs2_header(text: str) -> tuple[str, str | None, str]:
    """The header with its last comma, the authorisation identity, and what follows. Raises `InvalidArgument`."""
    flag, comma, rest = text.partition(",")
    identity, second, behind = rest.partition(",")
    if not comma or not second or not (flag in ("n", "y") or flag.startswith("p=")):
        raise InvalidArgument("there is no GS2 header")
    if identity and not identity.startswith("a="):
        raise InvalidArgument("the authorisation identity is not of the form a=name")
    name = unescape(identity[2:]) if identity else None
    return f"{flag},{identity},", name or None, behind


def unescape(name: str) -> str:
    """`=2C` and `=3D` are a comma and an equals sign (RFC 5802 §5.1). Raises `InvalidArgument`."""
    pieces = name.split("=")
    if not all(piece[:2] in ("2C", "3D") for piece in pieces[1:]):
        raise InvalidArgument("an equals sign in a name must begin =2C or =3D")
    return pieces[0] + "".join(("," if piece[:2] == "2C" else "=") + piece[2:] for piece in pieces[1:])
