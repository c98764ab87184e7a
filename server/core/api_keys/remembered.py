"""API keys that were checked lately, so that a call in a row of calls asks the database nothing."""

from collections.abc import Callable

from server.base.principal import Principal
from server.core.api_keys.actions import (
    AuthenticateApiKey,
    authenticate_api_key,
    is_right,
    is_use_to_be_noted,
)
from server.core.api_keys.model import API_KEY_TOPICS, ApiCredential
from server.core.work import Core
from server.db.kept import Kept


class RememberedApiKeys:
    """The API keys of one process. What is remembered of one is its row, never the secret.

    Each call checks the row by the same rule as if it had just been read, and only a yes counts: whatever is
    not right by the row is asked of the database, so no refusal is ever out of date. A row that was changed
    is forgotten at once in the process that changed it, in others when they hear of it, and everywhere within
    `server.db.kept.LIFE_SECONDS`.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._kept: Kept[ApiCredential] = Kept(core.db.wakeups, API_KEY_TOPICS)

    async def authenticate(
        self, command: AuthenticateApiKey, *, actor: Callable[[], Principal]
    ) -> ApiCredential:
        """The key that is shown, which is right.

        Args:
            actor: Who asks, until that is known. Called only when the database is asked.

        Raises:
            InvalidApiKey: As `authenticate_api_key`.
        """
        key = self._kept.get(command.key_id)
        if key is not None:
            now = self._core.clock.now()
            if is_right(key, command, now) and not is_use_to_be_noted(key.last_used_at, now):
                return key
        ticket = self._kept.ticket()
        key = await self._core.perform_at_once(authenticate_api_key, command, actor=actor())
        self._kept.keep(ticket, command.key_id, key)
        return key
