"""What nobody needs any more is forgotten: what expired long enough ago, and old messages."""

from server.base.principal import Actor, Principal
from server.core.memberships.invitations import forget_expired as forget_invitations
from server.core.notifications.actions import forget_expired as forget_messages
from server.core.one_time_secrets.actions import forget_expired as forget_secrets
from server.core.sessions.forget import forget_expired as forget_sessions
from server.core.sign_in.advance import forget_expired as forget_sign_ins
from server.core.throttles.actions import forget_expired as forget_throttles
from server.core.work import Action, Core

SYSTEM = Principal(kind=Actor.SYSTEM, id="forget", surface="jobs")

FORGET: tuple[Action[None, int], ...] = (
    forget_invitations,
    forget_messages,
    forget_secrets,
    forget_sessions,
    forget_sign_ins,
    forget_throttles,
)
"""Each takes a batch away, and says how many it were; several processes may do so at one time."""


async def forget(core: Core) -> int:
    """Nothing is left that can be forgotten; how much there was. It ends early when the core stops."""
    total = 0
    for action in FORGET:
        while not core.stopping.is_set() and (count := await core.perform(action, None, actor=SYSTEM)):
            total += count
    return total
