from dataclasses import fields

import pytest

from server.base.errors import InvalidFields
from server.core.realms.policy import Delivery, MfaMode, SecondFactor, SignInPolicy, base_policy, delivery_of
from server.core.realms.rules import RULES
from server.core.realms.stored_policy import changed, parsed, policy_of, policy_of_text

SURFACE = "protekt_auth"


def test_every_rule_has_a_check_and_every_check_a_rule() -> None:
    assert set(RULES) == {field.name for field in fields(SignInPolicy)}


def test_what_a_realm_starts_from_passes_its_own_checks() -> None:
    for policy in (base_policy(SURFACE), base_policy("protekt_account")):
        for name, rule in RULES.items():
            value = getattr(policy, name)
            assert value is None or rule.read(value) == value


def test_nothing_stored_is_the_policy_of_the_surface() -> None:
    assert policy_of(SURFACE, {}) == SignInPolicy()
    assert not policy_of("protekt_account", {}).registration_open


def test_what_is_stored_differs_and_the_rest_does_not() -> None:
    policy = policy_of_text(SURFACE, '{"mfa": "required", "factors": ["push", "totp"], "idle_seconds": 900}')

    assert policy == SignInPolicy(
        mfa=MfaMode.REQUIRED, factors=(SecondFactor.TOTP, SecondFactor.PUSH), idle_seconds=900
    )


def test_a_rule_that_a_newer_version_stored_is_passed_over() -> None:
    assert policy_of(SURFACE, {"from_the_future": 1}) == SignInPolicy()


def test_changes_are_merged_and_none_puts_back_what_the_surface_has() -> None:
    stored = changed(
        SURFACE, {"max_sessions": 3, "mfa": "required"}, {"max_sessions": None, "code_seconds": 60}
    )

    assert stored == {"mfa": "required", "code_seconds": 60}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("access_token_seconds", 59),
        ("access_token_seconds", 86_401),
        ("access_token_seconds", 60.0),
        ("access_token_seconds", True),
        ("access_token_seconds", "3600"),
        ("max_failures", 101),
        ("password_min_length", 7),
        ("code_seconds", 601),
        ("refresh_grace_seconds", 61),
        ("registration_open", 1),
        ("mfa", "sometimes"),
        ("mfa", ["required"]),
        ("factors", []),
        ("factors", ["totp", "palm"]),
        ("factors", [{}]),
        ("factors", "totp"),
        ("default_locale", "xx"),
    ],
)
def test_a_value_that_is_none_of_the_rules_own_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidFields) as refused:
        changed(SURFACE, {}, {name: value, "max_sessions": 5})

    assert list(refused.value.fields) == [name]


def test_a_rule_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidFields) as refused:
        changed(SURFACE, {}, {"sessions": 5})

    assert list(refused.value.fields) == ["sessions"]


def test_a_token_does_not_outlive_its_session() -> None:
    with pytest.raises(InvalidFields) as refused:
        changed(SURFACE, {"session_seconds": 3600}, {"access_token_seconds": 3601})

    assert list(refused.value.fields) == ["session_seconds"]


@pytest.mark.parametrize("surface", ["protekt_account", "ezkey_admin"])
def test_a_second_factor_is_not_required_where_none_can_be_asked_for(surface: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        changed(surface, {}, {"mfa": "required"})

    assert list(refused.value.fields) == ["mfa"]
    assert changed(surface, {}, {"mfa": "optional"}) == {"mfa": "optional"}


def test_what_sessions_are_shown_by_is_the_surfaces_and_no_rule() -> None:
    assert delivery_of("protekt_account") is delivery_of("ezkey_admin") is Delivery.REFERENCE
    assert delivery_of(SURFACE) is Delivery.TOKENS
    for surface in (SURFACE, "protekt_account"):
        with pytest.raises(InvalidFields) as refused:
            changed(surface, {}, {"delivery": "reference"})
        assert list(refused.value.fields) == ["delivery"]


def test_what_somebody_types_becomes_what_json_has() -> None:
    typed = {
        "max_sessions": "5",
        "registration_open": "False",
        "factors": "totp, push",
        "mfa": "required",
        "idle_seconds": "",
        "code_seconds": "many",
        "unknown": "x",
    }

    assert parsed(typed) == {
        "max_sessions": 5,
        "registration_open": False,
        "factors": ["totp", "push"],
        "mfa": "required",
        "idle_seconds": None,
        "code_seconds": "many",
        "unknown": "x",
    }


def test_one_kind_of_proof_is_enough_where_a_second_is_optional() -> None:
    assert SignInPolicy().is_satisfied_by(("pwd",))
    assert not SignInPolicy(mfa=MfaMode.REQUIRED).is_satisfied_by(("pwd",))
    assert SignInPolicy(mfa=MfaMode.REQUIRED).is_satisfied_by(("pwd", "otp", "mfa"))
