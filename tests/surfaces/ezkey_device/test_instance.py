from collections.abc import Callable

from tests.support.phone import new_proof_token
from tests.support.product import Product


async def test_e01_anyone_is_told_the_instances_words(make_product: Callable[..., Product]) -> None:
    product = make_product(
        instance_name="Acme", instance_description="Pays", public_base_url="https://acme.example/push"
    )

    response = await product.http.get("/api/v1/public/instance-info")

    assert response.json() == {
        "authApiPublicBaseUrl": "https://acme.example/push",
        "instanceName": "Acme",
        "instanceDescription": "Pays",
        "aboutUrl": None,
    }


async def test_e01_what_was_not_set_is_null(product: Product) -> None:
    told = (await product.http.get("/api/v1/public/instance-info")).json()

    assert told == {
        "authApiPublicBaseUrl": None,
        "instanceName": product.core.settings.instance_name,
        "instanceDescription": None,
        "aboutUrl": None,
    }


async def test_a_phone_is_told_them_signed(make_product: Callable[..., Product]) -> None:
    product = make_product(instance_name="Acme", about_url="https://acme.example/about")
    phone = await product.enrolled_phone(await product.relying_party())

    response = await product.post("enrollments/instance-info", {"enrollmentProofToken": phone.proof_token})

    told = response.json()
    phone.checks(
        told.pop("instanceInfoPayloadSignedByIntegration"),
        phone.proof_token,
        phone.enrollment_id,
        "INSTANCE_INFO",
        "",
        "Acme",
        "",
        "https://acme.example/about",
    )
    assert told == {
        "enrollmentId": phone.enrollment_id,
        "authApiPublicBaseUrl": None,
        "instanceName": "Acme",
        "instanceDescription": None,
        "aboutUrl": "https://acme.example/about",
    }


async def test_who_is_not_enrolled_is_told_nothing(product: Product) -> None:
    bound = await product.bound_phone(await product.relying_party())

    answers = [
        await product.post("enrollments/instance-info", {"enrollmentProofToken": token})
        for token in (new_proof_token(), "", bound.proof_token)
    ]

    assert {(each.status_code, each.content) for each in answers} == {(400, answers[0].content)}
    assert answers[0].json()["type"].endswith("/enrollment-instance-info-failed")
