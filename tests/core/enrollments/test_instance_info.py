import pytest

from server.base.errors import EnrollmentInstanceInfoFailed
from server.base.secret import Secret
from server.core.enrollments.instance_info import (
    ReadSignedInstanceInfo,
    SignedInstanceInfo,
    read_signed_instance_info,
)
from server.core.enrollments.lifecycle import DeactivateEnrollment, deactivate_enrollment
from server.core.instance.info import read_instance_info
from server.db.pool import Connection
from tests.support.enrolling import ANYONE
from tests.support.phone import new_proof_token
from tests.support.rolled_back import a_core_rolled_back
from tests.support.scene import Scene
from tests.support.work import some_settings


async def told(scene: Scene, proof_token: str) -> SignedInstanceInfo:
    """What the instance says to who has this token."""
    command = ReadSignedInstanceInfo(Secret(proof_token))
    return await scene.core.perform_at_once(
        read_signed_instance_info, command, actor=ANYONE, meter=scene.meter
    )


async def test_e01_anyone_may_know_the_instances_words(conn: Connection) -> None:
    core = a_core_rolled_back(
        conn, some_settings(instance_name="Acme", about_url="https://acme.example/about")
    )

    info = await core.perform_at_once(read_instance_info, None, actor=ANYONE)

    assert (info.instance_name, info.about_url) == ("Acme", "https://acme.example/about")
    assert (info.auth_api_public_base_url, info.instance_description) == (None, None)


async def test_a_phone_is_told_them_with_its_integrations_signature(conn: Connection) -> None:
    settings = some_settings(
        instance_name="Acme",
        instance_description="Cafe\u0301",
        public_base_url="https://acme.example/push/",
        about_url="https://acme.example/about",
    )
    scene = await Scene.on(a_core_rolled_back(conn, settings))
    phone = await scene.enrolled_phone()

    signed = await told(scene, phone.proof_token)

    assert signed.enrollment_id == phone.enrollment_id
    phone.checks(
        signed.signature,
        phone.proof_token,
        phone.enrollment_id,
        "INSTANCE_INFO",
        "https://acme.example/push",
        "Acme",
        "Café",
        "https://acme.example/about",
    )


async def test_what_was_not_set_is_an_empty_segment(scene: Scene) -> None:
    phone = await scene.enrolled_phone()

    signed = await told(scene, phone.proof_token)

    phone.checks(
        signed.signature,
        phone.proof_token,
        phone.enrollment_id,
        "INSTANCE_INFO",
        "",
        scene.core.settings.instance_name,
        "",
        "",
    )


async def test_all_others_are_refused_alike(scene: Scene) -> None:
    bound, deactivated = await scene.bound_phone(), await scene.enrolled_phone()
    await scene.made(deactivate_enrollment, command=DeactivateEnrollment(deactivated.enrollment_id))
    refusals = set()

    for token in (new_proof_token(), "", bound.proof_token, deactivated.proof_token):
        with pytest.raises(EnrollmentInstanceInfoFailed) as refusal:
            await told(scene, token)
        refusals.add(str(refusal.value))

    assert len(refusals) == 1
    assert scene.meter.failures == 4
