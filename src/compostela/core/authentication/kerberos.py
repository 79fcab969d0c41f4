"""The `gssapi` element of a server, and which user a Kerberos principal is."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Self

from compostela.base.declarations import Text
from compostela.base.declared import Declared, Taken
from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.base.settings import Place, Settings
from compostela.model.username import Username

_SERVICE = re.compile(r"(?P<service>[!-.0-?A-~]+)/(?P<server>[!-.0-?A-~]+)@(?P<realm>[!-.0-?A-~]+)")
_USER = re.compile(r"(?P<name>[!-.0-?A-~]+)@(?P<realm>[!-.0-?A-~]+)")
"""ASCII, without an instance after a slash."""


class KerberosError(CompostelaError):
    """The server's own key cannot be used; the text tells the operator why."""


@dataclass(frozen=True, slots=True)
class KerberosSettings(Declared):
    """The server's identity in Kerberos."""

    principal: Annotated[str, Text("principal")] = ""
    """The name of the server in Kerberos: `service/host@REALM`."""
    key_tab: Annotated[str, Text("keyTab")] = ""
    """Its key table: a path or URL; without it, the system's."""
    service: Annotated[str, Text("serviceName")] = field(default="", compare=False)
    """The service of `principal`, with which it must agree."""
    server: Annotated[str, Text("serverName")] = field(default="", compare=False)
    """The host of `principal`, with which it must agree."""
    place: Annotated[Place, Taken(lambda settings: settings.place)] = field(default=Place(""), compare=False)

    @property
    def realm(self) -> str:
        return self.principal.rpartition("@")[2]

    def completed(self, settings: Settings) -> Self:
        parts = _SERVICE.fullmatch(self.principal)
        if parts is None:
            wanted = f"{self.service or 'smtp'}/{self.server or 'mail.example.org'}@EXAMPLE.ORG"
            settings.error(f"gssapi needs its 'principal' in full, as in {wanted}", "principal")
            return self
        for name, value in (("service", self.service), ("server", self.server)):
            if value and value != parts[name]:
                settings.error(f"it is not the {name} of {self.principal}", f"{name}Name")
        return self


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
