"""What every request of one process shares."""

from dataclasses import dataclass

from server.base.settings import Settings
from server.core.api_keys.remembered import RememberedApiKeys
from server.core.work import Core
from server.surfaces.kit.addresses import ClientAddresses
from server.surfaces.kit.limits import Limiter
from server.surfaces.kit.metrics import Metrics
from server.surfaces.kit.waits import Waits


@dataclass(frozen=True, slots=True)
class Serving:
    """The parts of one serving process."""

    core: Core
    api_keys: RememberedApiKeys
    settings: Settings
    limiter: Limiter
    metrics: Metrics
    waits: Waits
    clients: ClientAddresses
