"""The surface, its dialect, and the guards of what only neighbours or testers may use."""

from ipaddress import ip_address

from server.base.errors import RouteNotFound
from server.base.principal import Principal
from server.surfaces.kit.dialect import problem_dialect
from server.surfaces.kit.exchange import Exchange
from server.surfaces.kit.surface import Guard, Surface

DIALECT = problem_dialect("well_known", type_base="https://ezkey.io/problems/")

surface = Surface(
    "well_known",
    base="",
    dialect=DIALECT,
    title="Health, metrics, the testers' clock and outbox",
)

# A surface of its own: who knows the address of one document alone finds these, and nothing else of here.
public_keys = Surface(
    "public_keys",
    base="",
    dialect=problem_dialect("public_keys", type_base="https://ezkey.io/problems/"),
    title="Public keys of access tokens",
    everywhere=True,
)


async def _neighbour(exchange: Exchange) -> Principal:
    """Somebody at an address of the setting `metrics_networks`; for others there is nothing here."""
    try:
        address = ip_address(exchange.address or "")
    except ValueError:
        raise RouteNotFound from None
    if not any(address in network for network in exchange.core.settings.metrics_networks):
        raise RouteNotFound
    return exchange.nobody()


async def _tester(exchange: Exchange) -> Principal:
    """Anybody, where the setting `movable_clock` is on; elsewhere there is nothing here."""
    if not exchange.core.settings.movable_clock:
        raise RouteNotFound
    return exchange.nobody()._replace(id="tester")


async def _outbox_reader(exchange: Exchange) -> Principal:
    """Anybody, where the setting `capture_outbox` is on; elsewhere there is nothing here."""
    if not exchange.core.settings.capture_outbox:
        raise RouteNotFound
    return exchange.nobody()._replace(id="tester")


neighbour = Guard("neighbour", _neighbour, refusal=RouteNotFound)
tester = Guard("tester", _tester, refusal=RouteNotFound)
outbox_reader = Guard("outbox_reader", _outbox_reader, refusal=RouteNotFound)
