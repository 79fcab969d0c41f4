"""The `gssapi` element of a server, and which user a Kerberos principal is."""

import re
from dataclasses import dataclass, field

from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.base.settings import Place, Settings
from compostela.model.username import Username

_SERVICE = re.compile(r"(?P<service>[!-.0-?A-~]+)/(?P<server>[!-.0-?A-~]+)@(?P<realm>[!-.0-?A-~]+)")
_USER = re.compile(r"(?P<name>[!-.0-?A-~]+)@(?P<realm>[!-.0-?A-~]+)")
"""ASCII, without an instance after a slash."""


class KerberosError(CompostelaError):
    """The server's own key cannot be used; the text tells the operator why."""


@dataclass(frozen=True, slots=True)
class KerberosSettings:
    """The server's identity in Kerberos."""

    principal: str = ""
    """`service/host@REALM`."""
    key_tab: str = ""
    """Where its key is: a path or URL; empty for the system's key table."""
    place: Place = field(default=Place(""), compare=False)

    @property
    def realm(self) -> str:
        return self.principal.rpartition("@")[2]


def read_kerberos_settings(settings: Settings) -> KerberosSettings:
    """`serviceName` and `serverName` say nothing that `principal` does not; they must agree with it. What is unknown is
    reported with the server's own elements."""
    read = KerberosSettings(settings.text("principal", ""), settings.text("keyTab", ""), settings.place)
    service, server = settings.text("serviceName", ""), settings.text("serverName", "")
    parts = _SERVICE.fullmatch(read.principal)
    if parts is None:
        wanted = f"{service or 'smtp'}/{server or 'mail.example.org'}@EXAMPLE.ORG"
        settings.error(f"gssapi needs its 'principal' in full, as in {wanted}", "principal")
    else:
        for name, value in (("service", service), ("server", server)):
            if value and value != parts[name]:
                settings.error(f"it is not the {name} of {read.principal}", f"{name}Name")
    return read


def user_of_principal(principal: str, own_realm: str, *, virtual_hosting: bool) -> Username | None:
    """`name@REALM` is the user `name@realm`; without virtual hosting `name`, in the server's own realm alone. The name must be in
    lower case and the realm in upper case, so that two principals are never one user. None for a principal that is no user's."""
    parts = _USER.fullmatch(principal)
    if parts is None or parts["name"] != parts["name"].lower() or parts["realm"] != parts["realm"].upper():
        return None
    if not virtual_hosting and parts["realm"] != own_realm:
        return None
    try:
        return Username.parse(principal if virtual_hosting else parts["name"])
    except InvalidArgument:
        return None
