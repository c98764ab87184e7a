"""API keys that were checked lately, so that a call in a row of calls asks the database nothing."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Generic, TypeVar

from server.base.errors import InvalidApiKey
from server.base.principal import Principal
from server.core.api_keys.actions import (
    AuthenticateApiKey,
    authenticate_api_key,
    is_right,
    is_use_to_be_noted,
)
from server.core.api_keys.model import API_KEY_TOPICS, ApiCredential, ProjectCredential
from server.core.api_keys.project_keys import (
    AuthenticateProjectKey,
    authenticate_project_key,
    is_right_project_key,
)
from server.core.work import Core
from server.crypto.tokens import project_key_name
from server.db.kept import Kept

Credential = TypeVar("Credential", ApiCredential, ProjectCredential)


class _RememberedKeys(Generic[Credential]):
    """The keys of one kind in one process. What is remembered of one is its row, never the secret.

    Each call checks the row by the same rule as if it had just been read, and only a yes counts: whatever is
    not right by the row is asked of the database, so no refusal is ever out of date. A row that was changed
    is forgotten at once in the process that changed it, in others when they hear of it, and everywhere within
    `server.db.kept.LIFE_SECONDS`.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._kept: Kept[Credential] = Kept(core.db.wakeups, API_KEY_TOPICS)

    async def _authenticate(
        self,
        key_id: str,
        is_right_now: Callable[[Credential, datetime], bool],
        look: Callable[[], Awaitable[Credential]],
    ) -> Credential:
        key = self._kept.get(key_id)
        if key is not None:
            now = self._core.clock.now()
            if is_right_now(key, now) and not is_use_to_be_noted(key.last_used_at, now):
                return key
        ticket = self._kept.ticket()
        key = await look()
        self._kept.keep(ticket, key_id, key)
        return key


class RememberedApiKeys(_RememberedKeys[ApiCredential]):
    """The API keys of integrations."""

    async def authenticate(
        self, command: AuthenticateApiKey, *, actor: Callable[[], Principal]
    ) -> ApiCredential:
        """The key that is shown, which is right.

        Args:
            actor: Who asks, until that is known. Called only when the database is asked.

        Raises:
            InvalidApiKey: As `authenticate_api_key`.
        """
        return await self._authenticate(
            command.key_id,
            lambda key, now: is_right(key, command, now),
            lambda: self._core.perform_at_once(authenticate_api_key, command, actor=actor()),
        )


class RememberedProjectKeys(_RememberedKeys[ProjectCredential]):
    """The API keys of projects, with their projects' allowed origins."""

    async def authenticate(
        self, command: AuthenticateProjectKey, *, actor: Callable[[], Principal]
    ) -> ProjectCredential:
        """The key that is shown, which is right.

        Args:
            actor: Who asks, until that is known. Called only when the database is asked.

        Raises:
            InvalidApiKey: As `authenticate_project_key`.
        """
        key_id = project_key_name(command.key.reveal())
        if key_id is None:
            raise InvalidApiKey
        return await self._authenticate(
            key_id,
            lambda key, now: is_right_project_key(key, command, now),
            lambda: self._core.perform_at_once(authenticate_project_key, command, actor=actor()),
        )
