import json
from datetime import timedelta

import pytest

from server.base import ids
from server.base.errors import (
    EnrollmentNotFound,
    EnrollmentStateConflict,
    IntegrationInactive,
    IntegrationNotFound,
    InvalidFields,
    TenantInactive,
)
from server.base.pages import PageRequest
from server.core.enrollments.administration import (
    ChangeEnrollment,
    CreateEnrollment,
    ListEnrollments,
    ReadEnrollment,
    change_enrollment,
    create_enrollment,
    list_enrollments,
    read_enrollment,
)
from server.core.enrollments.lifecycle import RevokeEnrollment, revoke_enrollment
from server.core.enrollments.model import EnrollmentStatus, challenge_purpose, proof_token_purpose
from server.core.integrations.actions import DeactivateIntegration, deactivate_integration
from server.core.organizations.actions import DeactivateTenant, deactivate_tenant
from server.core.work import Work
from server.crypto.tokens import digest, is_proof_token
from server.db.pool import Connection
from tests.support.factories import (
    a_name,
    a_verified_enrollment,
    an_integration,
    an_invitation,
)
from tests.support.work import a_work, event_names, later, some_settings


async def test_an_invitation_s_secrets_are_in_the_outcome_and_at_rest_only_sealed(work: Work) -> None:
    invited = await an_invitation(work)
    enrollment_id = invited.enrollment.id

    row = await work.conn.fetchrow("SELECT * FROM enrollments WHERE id = $1", enrollment_id)

    assert row is not None
    token, challenge = invited.proof_token.reveal(), invited.challenge.reveal()
    assert is_proof_token(token)
    assert row["proof_token_digest"] == digest(token)
    assert work.keys.open(row["proof_token_sealed"], proof_token_purpose(enrollment_id)).decode() == token
    assert work.keys.open(row["challenge_sealed"], challenge_purpose(enrollment_id)).decode() == challenge
    assert token not in repr((dict(row), invited, work.events))
    assert challenge not in repr((invited, work.events))


async def test_a_challenge_has_six_digits_and_no_leading_zero(work: Work) -> None:
    integration = await an_integration(work, challenge_digits=2)

    for _ in range(20):
        invited = await an_invitation(work, integration=integration)
        assert 100_000 <= int(invited.challenge.reveal()) <= 999_999


async def test_a_created_enrollment_is_as_asked_for(work: Work) -> None:
    integration = await an_integration(work)
    afterwards = later(work, seconds=1)

    invited = await create_enrollment(
        afterwards,
        CreateEnrollment(
            integration.id,
            " Jane ",
            user_identifier=" jane@example.org ",
            challenge_required=True,
            expires_at=afterwards.now + timedelta(hours=1),
        ),
    )

    enrollment = invited.enrollment
    assert enrollment == await read_enrollment(work, ReadEnrollment(enrollment.id))
    assert (enrollment.name, enrollment.user_identifier) == ("Jane", "jane@example.org")
    assert (enrollment.status, enrollment.active) == (EnrollmentStatus.CREATED, False)
    assert enrollment.challenge_required
    assert enrollment.expires_at == afterwards.now + timedelta(hours=1)
    assert event_names(afterwards) == ["enrollment.created"]


async def test_without_an_expiry_the_instance_s_setting_decides(conn: Connection) -> None:
    work = a_work(conn, settings=some_settings(enrollment_ttl_seconds=600))

    invited = await an_invitation(work)

    assert invited.enrollment.expires_at == work.now + timedelta(seconds=600)


async def test_the_qr_holds_id_and_token_and_no_url_where_none_is_set(work: Work) -> None:
    invited = await an_invitation(work)

    assert invited.qr_text.reveal() == (
        f'{{"enrollmentId":"{invited.enrollment.id}",'
        f'"enrollmentProofToken":"{invited.proof_token.reveal()}"}}'
    )


async def test_the_qr_holds_the_public_url_without_trailing_slash(conn: Connection) -> None:
    work = a_work(conn, settings=some_settings(public_base_url="https://auth.example.org/push/"))

    invited = await an_invitation(work)

    assert json.loads(invited.qr_text.reveal()) == {
        "enrollmentId": str(invited.enrollment.id),
        "enrollmentProofToken": invited.proof_token.reveal(),
        "authUrl": "https://auth.example.org/push",
    }
    assert invited.challenge.reveal() not in invited.qr_text.reveal().split('"')


async def test_an_enrollment_needs_an_integration_and_a_tenant_that_are_active(work: Work) -> None:
    integration, other = await an_integration(work), await an_integration(work)
    await deactivate_integration(work, DeactivateIntegration(integration.id))
    await deactivate_tenant(work, DeactivateTenant(other.organization_id))

    with pytest.raises(IntegrationInactive):
        await an_invitation(work, integration=integration)
    with pytest.raises(TenantInactive):
        await an_invitation(work, integration=other)
    with pytest.raises(IntegrationNotFound):
        await create_enrollment(work, CreateEnrollment(ids.new_small_id(), "Jane"))


@pytest.mark.parametrize(
    ("field", "name", "user_identifier"),
    [
        ("name", "a|b", None),
        ("name", "", None),
        ("userIdentifier", "Jane", "a\0b"),
        ("userIdentifier", "Jane", "x" * 256),
    ],
)
async def test_text_that_cannot_be_shown_or_signed_is_refused(
    work: Work, field: str, name: str, user_identifier: str | None
) -> None:
    integration = await an_integration(work)

    with pytest.raises(InvalidFields) as refused:
        await create_enrollment(work, CreateEnrollment(integration.id, name, user_identifier))

    assert list(refused.value.fields) == [field]


async def test_a_blank_user_identifier_is_none(work: Work) -> None:
    assert (await an_invitation(work, user_identifier="  ")).enrollment.user_identifier is None


async def test_an_expiry_in_the_past_is_refused(work: Work) -> None:
    integration = await an_integration(work)

    with pytest.raises(InvalidFields):
        await create_enrollment(work, CreateEnrollment(integration.id, "Jane", expires_at=work.now))


async def test_a_change_changes_what_it_says_and_nothing_else(work: Work) -> None:
    enrollment = await a_verified_enrollment(work, user_identifier="jane")
    afterwards = later(work, seconds=1)

    changed = await change_enrollment(
        afterwards, ChangeEnrollment(enrollment.id, user_identifier=None, challenge_required=True)
    )

    assert (changed.name, changed.user_identifier) == (enrollment.name, None)
    assert (changed.challenge_required, changed.status) == (True, enrollment.status)
    assert changed == await read_enrollment(work, ReadEnrollment(enrollment.id))
    assert [dict(event.data) for event in afterwards.events] == [
        {"changed": "challenge_required, user_identifier"}
    ]


async def test_a_change_to_what_is_already_so_leaves_no_event(work: Work) -> None:
    enrollment = await a_verified_enrollment(work)
    afterwards = later(work, seconds=1)

    await change_enrollment(afterwards, ChangeEnrollment(enrollment.id, name=enrollment.name))

    assert afterwards.events == []


async def test_a_verified_enrollment_cannot_take_another_verified_one_s_name(work: Work) -> None:
    integration = await an_integration(work)
    one = await a_verified_enrollment(work, integration=integration)
    other = await a_verified_enrollment(work, integration=integration)

    with pytest.raises(EnrollmentStateConflict):
        await change_enrollment(work, ChangeEnrollment(one.id, name=other.name))


async def test_an_enrollment_that_has_ended_cannot_be_changed(work: Work) -> None:
    enrollment = await a_verified_enrollment(work)
    await revoke_enrollment(work, RevokeEnrollment(enrollment.id))

    with pytest.raises(EnrollmentStateConflict):
        await change_enrollment(work, ChangeEnrollment(enrollment.id, name="Other"))


async def test_an_unknown_enrollment_is_not_found(work: Work) -> None:
    with pytest.raises(EnrollmentNotFound):
        await read_enrollment(work, ReadEnrollment(ids.new_small_id()))
    with pytest.raises(EnrollmentNotFound):
        await change_enrollment(work, ChangeEnrollment(ids.new_small_id()))


async def test_lists_are_searched_filtered_and_paged(work: Work) -> None:
    integration = await an_integration(work)
    word = a_name("Jane")
    invited = await an_invitation(work, integration=integration, name=word)
    verified = await a_verified_enrollment(
        later(work, seconds=1), integration=integration, user_identifier=f"{word}@example.org"
    )
    await an_invitation(later(work, seconds=2), integration=integration)
    await an_invitation(work)

    async def listed(
        search: str = "", *, status: EnrollmentStatus | None = None, limit: int = 20, offset: int = 0
    ) -> tuple[list[int], int]:
        page = await list_enrollments(
            work, ListEnrollments(PageRequest(limit, offset, search), integration.id, status)
        )
        return [enrollment.id for enrollment in page.items], page.total

    assert await listed(word.upper()) == ([verified.id, invited.enrollment.id], 2)
    assert await listed(status=EnrollmentStatus.VERIFIED) == ([verified.id], 1)
    assert await listed(limit=1, offset=2) == ([invited.enrollment.id], 3)
    assert await listed(offset=3) == ([], 3)
