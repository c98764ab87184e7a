"""What is past its time is expired, although nobody looks at it."""

from server.base.principal import Actor, Principal
from server.core.auth_attempts.expire import ExpireAttempts, expire_attempts
from server.core.enrollments.expire import ExpireEnrollments, expire_enrollments
from server.core.work import Core

SYSTEM = Principal(kind=Actor.SYSTEM, id="expire", surface="jobs")


async def expire(core: Core) -> int:
    """No attempt and no invitation past its time is open; how many were."""
    total = 0
    while count := await core.perform(expire_attempts, ExpireAttempts(), actor=SYSTEM):
        total += count
    while count := await core.perform(expire_enrollments, ExpireEnrollments(), actor=SYSTEM):
        total += count
    return total
