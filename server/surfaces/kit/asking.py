"""What a route may ask about the request besides its body: who calls, and when."""

from datetime import datetime, timedelta

from server.surfaces.kit.exchange import current_exchange


def calling_integration() -> int:
    """The id of the integration that calls. Only behind a guard that finds one.

    Raises:
        LookupError: The route's guard finds none: the route is wrong.
    """
    integration_id = current_exchange().caller.integration_id
    if integration_id is None:
        raise LookupError("the guard of this route finds no integration")
    return integration_id


def present_instant() -> datetime:
    """The instant that it is on the instance's clock: aware, UTC."""
    return current_exchange().core.clock.now()


def adopt_clock_offset(seconds: float) -> None:
    """This process reckons with the moved clock from now on, and does not wait to hear of it."""
    current_exchange().core.clock.set_offset(timedelta(seconds=seconds))
