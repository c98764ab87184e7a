"""What every request of one process shares."""

from dataclasses import dataclass

from server.base.settings import Settings
from server.core.api_keys.remembered import RememberedApiKeys
from server.core.work import Core
from server.outbound.identity_providers.network import ProviderNetwork
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
    network: ProviderNetwork | None = None

    @property
    def providers(self) -> ProviderNetwork:
        """The way to identity providers.

        Raises:
            LookupError: This process was started without one.
        """
        if self.network is None:
            raise LookupError("this process was started without a way to identity providers")
        return self.network
