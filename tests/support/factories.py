"""Things for tests to work on, made by the product's own actions where there is one.

Each takes what matters to the test and makes up the rest; names are never the same twice.
"""

from itertools import count
from secrets import token_bytes, token_hex

from server.core.api_keys.administration import CreateApiKey, create_api_key
from server.core.api_keys.model import IssuedApiKey, IssuedOperatorKey
from server.core.api_keys.operator_keys import CreateOperatorKey, create_operator_key
from server.core.auth_attempts.create import CreateAttempt, create_attempt
from server.core.auth_attempts.model import Attempt
from server.core.enrollments.administration import (
    CreateEnrollment,
    ReadEnrollment,
    create_enrollment,
    read_enrollment,
)
from server.core.enrollments.invitation import Invited
from server.core.enrollments.model import Enrollment
from server.core.integrations.actions import CreateIntegration, create_integration
from server.core.integrations.model import Integration
from server.core.organizations.actions import CreateTenant, create_tenant
from server.core.organizations.model import Tenant
from server.core.work import Work

_numbers = count(1)


def a_name(what: str) -> str:
    """A name that no other row has, of this or another test."""
    return f"{what} {next(_numbers)}-{token_hex(4)}"


async def a_tenant(work: Work, *, name: str | None = None, description: str | None = None) -> Tenant:
    """An active tenant."""
    return await create_tenant(work, CreateTenant(name or a_name("Tenant"), description))


async def an_integration(
    work: Work,
    *,
    tenant: Tenant | None = None,
    name: str | None = None,
    description: str | None = None,
    attempt_ttl_seconds: int | None = None,
    challenge_digits: int | None = None,
) -> Integration:
    """An active integration, of a new tenant unless one is given."""
    tenant = tenant or await a_tenant(work)
    return await create_integration(
        work,
        CreateIntegration(
            tenant_id=tenant.id,
            name=name or a_name("Integration"),
            description=description,
            attempt_ttl_seconds=attempt_ttl_seconds,
            challenge_digits=challenge_digits,
        ),
    )


async def an_api_key(
    work: Work, *, integration: Integration | None = None, ip_whitelist: tuple[str, ...] = ()
) -> IssuedApiKey:
    """An API key that works, of a new integration unless one is given."""
    integration = integration or await an_integration(work)
    return await create_api_key(
        work, CreateApiKey(integration.id, label=a_name("Key"), ip_whitelist=ip_whitelist)
    )


async def an_operator_key(work: Work) -> IssuedOperatorKey:
    """An operator key that works."""
    return await create_operator_key(work, CreateOperatorKey(a_name("Operator")))


async def an_invitation(
    work: Work,
    *,
    integration: Integration | None = None,
    name: str | None = None,
    user_identifier: str | None = None,
    challenge_required: bool = False,
) -> Invited:
    """An enrollment in CREATED with its secrets, of a new integration unless one is given."""
    integration = integration or await an_integration(work)
    return await create_enrollment(
        work,
        CreateEnrollment(
            integration_id=integration.id,
            name=name or a_name("Phone"),
            user_identifier=user_identifier,
            challenge_required=challenge_required,
        ),
    )


async def a_bound_enrollment(work: Work, *, integration: Integration | None = None) -> Enrollment:
    """An enrollment in BOUND."""
    invited = await an_invitation(work, integration=integration)
    await work.conn.execute(
        """
        UPDATE enrollments AS e
           SET status = 'BOUND', bound_at = $2, signing_key_id = i.signing_key_id
          FROM integrations AS i
         WHERE e.id = $1
           AND i.id = e.integration_id
        """,
        invited.enrollment.id,
        work.now,
    )
    return await read_enrollment(work, ReadEnrollment(invited.enrollment.id))


async def a_verified_enrollment(
    work: Work,
    *,
    integration: Integration | None = None,
    name: str | None = None,
    user_identifier: str | None = None,
    device_key: bytes | None = None,
) -> Enrollment:
    """An active enrollment in VERIFIED.

    Args:
        device_key: The SPKI of a key whose private half the test has; made up when left out.
    """
    invited = await an_invitation(work, integration=integration, name=name, user_identifier=user_identifier)
    await work.conn.execute(
        """
        UPDATE enrollments AS e
           SET status = 'VERIFIED', active = true, bound_at = $2, verified_at = $2, device_key = $3,
               challenge_sealed = NULL, signing_key_id = i.signing_key_id
          FROM integrations AS i
         WHERE e.id = $1
           AND i.id = e.integration_id
        """,
        invited.enrollment.id,
        work.now,
        device_key or token_bytes(91),
    )
    return await read_enrollment(work, ReadEnrollment(invited.enrollment.id))


async def an_open_attempt(
    work: Work, *, enrollment: Enrollment | None = None, title: str | None = None
) -> Attempt:
    """An attempt in PENDING, of a new verified enrollment unless one is given."""
    enrollment = enrollment or await a_verified_enrollment(work)
    return await create_attempt(
        work,
        CreateAttempt(
            integration_id=enrollment.integration_id,
            enrollment_id=enrollment.id,
            user_identifier=None,
            challenge_requested=True,
            context_title=title,
            context_message=None,
        ),
    )


async def status_of_attempt(work: Work, attempt_id: int) -> str:
    """The status that is stored."""
    status: str = await work.conn.fetchval("SELECT status FROM auth_attempts WHERE id = $1", attempt_id)
    return status
