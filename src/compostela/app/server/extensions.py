"""What tasks and routes of an operator's own get, and the making of such routes."""

from typing import TYPE_CHECKING

from compostela.app.configuration.folder import Configuration
from compostela.app.server.services import Services
from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Place, Problems
from compostela.core.extension_parts import ExtensionParts

if TYPE_CHECKING:
    from compostela.web.webadmin.route_group import RouteGroup

WEBADMIN_FILE = "webadmin.properties"


def extension_parts(stores: Stores, services: Services, clock: Clock) -> ExtensionParts:
    """Of this server."""
    return ExtensionParts(
        domains=services.domains,
        users=services.users,
        rewriting=services.rewriting,
        mailboxes=services.mailboxes.system,
        queues=stores.queues,
        repositories=stores.repositories,
        clock=clock,
    )


def own_route_groups(configuration: Configuration, parts: ExtensionParts, problems: Problems) -> list["RouteGroup"]:
    """Groups that cannot be made are left out, with a complaint to `problems`."""
    found = []
    for make in configuration.webadmin.own_routes:
        try:
            found.append(make(parts))
        except InvalidArgument as error:
            problems.error(Place(WEBADMIN_FILE), str(error))
    return found
