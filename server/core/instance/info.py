"""What the instance says of itself to anyone."""

from dataclasses import dataclass

from server.base.settings import Settings
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class InstanceInfo:
    """The instance's public words; None where nothing was set."""

    auth_api_public_base_url: str | None
    instance_name: str
    instance_description: str | None
    about_url: str | None


def instance_info_of(settings: Settings) -> InstanceInfo:
    """What *settings* let anyone know."""
    return InstanceInfo(
        settings.public_base_url, settings.instance_name, settings.instance_description, settings.about_url
    )


async def read_instance_info(work: Work, _: None) -> InstanceInfo:
    """The instance's public words as they are now."""
    return instance_info_of(work.settings)
