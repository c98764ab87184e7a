"""Every setting can be set, and a wrong one is refused with a sentence that names it."""

import pytest
from pydantic_core import PydanticUndefined

from server.base.settings import Settings, SettingsError, load_settings, variable_of


def text_of(default: object) -> str:
    """*default* as an environment variable says it."""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)


WITH_DEFAULT = [
    name for name, field in Settings.model_fields.items() if field.default not in (None, PydanticUndefined)
]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set but what the test sets."""
    for name in Settings.model_fields:
        monkeypatch.delenv(variable_of(name), raising=False)


@pytest.mark.parametrize("name", WITH_DEFAULT)
def test_each_default_can_be_said_in_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    default = getattr(load_settings(), name)
    monkeypatch.setenv(variable_of(name), text_of(default))
    assert getattr(load_settings(), name) == default


@pytest.mark.parametrize(
    ("variable", "value", "name", "means"),
    [
        ("COUNTERSIGN_BIND_SEGMENTS", "12", "bind_segments", 12),
        ("COUNTERSIGN_TRUSTED_PROXIES", "none", "trusted_proxies", ()),
        ("COUNTERSIGN_PUBLIC_BASE_URL", "https://push.example.org/base/", "public_base_url", None),
        ("DATABASE_URL", "postgresql://somebody@host/name", "database_url", None),
        ("REDIS_URL", "valkey://host:6379/1", "redis_url", None),
        ("COUNTERSIGN_ACCESS_LOG_SAMPLE", "0.01", "access_log_sample", 0.01),
        (
            "COUNTERSIGN_SURFACE_BINDINGS",
            "Auth.example.com=protekt, api.example.com:8443 = protekt,:8443=EZKEY,[::1]=ezkey",
            "surface_bindings",
            (
                ("auth.example.com", "protekt"),
                ("api.example.com:8443", "protekt"),
                (":8443", "ezkey"),
                ("[::1]", "ezkey"),
            ),
        ),
    ],
)
def test_other_values_are_understood(
    variable: str, value: str, name: str, means: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(load_settings(), name) == (value.rstrip("/") if means is None else means)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("COUNTERSIGN_BIND_SEGMENTS", "11"),
        ("COUNTERSIGN_PORT", "eighty"),
        ("COUNTERSIGN_LIMIT_BIND", "often"),
        ("COUNTERSIGN_TRUSTED_PROXIES", "the-proxy"),
        ("COUNTERSIGN_PUBLIC_BASE_URL", "http://push.example.org"),
        ("COUNTERSIGN_INSTANCE_NAME", "a|b"),
        ("COUNTERSIGN_ATTEMPT_TTL_SECONDS", "601"),
        ("COUNTERSIGN_CHALLENGE_DIGITS", "7"),
        ("COUNTERSIGN_ACCESS_LOG_SAMPLE", "1.01"),
        ("COUNTERSIGN_ACCESS_LOG_SAMPLE", "nan"),
        ("DATABASE_URL", "mysql://host-of-theirs"),
        ("REDIS_URL", "host-of-theirs:6379"),
        ("COUNTERSIGN_SMTP_URL", "host-of-theirs:587"),
        ("COUNTERSIGN_SMTP_URL", "http://host-of-theirs"),
        ("COUNTERSIGN_SMTP_URL", "smtp://host-of-theirs:port"),
        ("COUNTERSIGN_MAIL_FROM", "host-of-theirs"),
        ("COUNTERSIGN_MAIL_FROM", "Acme <me@host-of-theirs>\r\nBcc: mallory@example.com"),
        ("COUNTERSIGN_SMS_URL", "http://host-of-theirs"),
        ("COUNTERSIGN_SURFACE_BINDINGS", "host-of-theirs"),
        ("COUNTERSIGN_SURFACE_BINDINGS", "host-of-theirs="),
        ("COUNTERSIGN_SURFACE_BINDINGS", "=protekt"),
        ("COUNTERSIGN_SURFACE_BINDINGS", "host-of-theirs:port=protekt"),
        ("COUNTERSIGN_SURFACE_BINDINGS", ":0=protekt"),
        ("COUNTERSIGN_SURFACE_BINDINGS", ":65536=protekt"),
        ("COUNTERSIGN_SURFACE_BINDINGS", "https://host-of-theirs=protekt"),
        ("COUNTERSIGN_SURFACE_BINDINGS", "host-of-theirs=protekt,host-of-theirs=ezkey"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_not_repeated(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value).startswith(f"{variable}: ")
    assert "host-of-theirs" not in str(refused.value)


@pytest.mark.parametrize(
    "missing", ["DATABASE_URL", "COUNTERSIGN_TRUSTED_PROXIES", "COUNTERSIGN_PUBLIC_BASE_URL"]
)
def test_production_insists(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {
        "COUNTERSIGN_MODE": "production",
        "DATABASE_URL": "postgresql://somebody@host/name",
        "COUNTERSIGN_TRUSTED_PROXIES": "none",
        "COUNTERSIGN_PUBLIC_BASE_URL": "https://push.example.org",
    }
    for name, value in whole.items():
        monkeypatch.setenv(name, value)
    assert load_settings().mode == "production"
    monkeypatch.setenv("COUNTERSIGN_MOVABLE_CLOCK", "true")
    with pytest.raises(SettingsError, match="MOVABLE_CLOCK"):
        load_settings()
    monkeypatch.delenv("COUNTERSIGN_MOVABLE_CLOCK")
    monkeypatch.delenv(missing)
    with pytest.raises(SettingsError, match=missing):
        load_settings()


def test_production_captures_no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_CAPTURE_OUTBOX", "true")
    assert load_settings().capture_outbox
    with pytest.raises(SettingsError, match="CAPTURE_OUTBOX"):
        some_production_settings()


def test_a_port_of_one_documents_own_is_listened_on() -> None:
    settings = load_settings(surface_bindings=":8443=ezkey,auth.example.com:9443=protekt,:9444=protekt")

    assert settings.bound_ports == (8443, 9444)


def test_an_sms_provider_is_named_whole() -> None:
    whole = {"sms_account": "AC1", "sms_token": "a secret", "sms_from": "+15005550006"}
    assert load_settings(**whole).sms_account == "AC1"
    for left_out in ("sms_token", "sms_from"):
        with pytest.raises(SettingsError, match="SMS_ACCOUNT needs"):
            load_settings(**(whole | {left_out: None}))


def test_production_serves_with_one_worker_per_usable_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    in_production = some_production_settings()

    assert in_production.worker_count == 3
    assert in_production.model_copy(update={"workers": 2}).worker_count == 2
    assert load_settings().worker_count == 1
    assert load_settings(workers=4).worker_count == 4


def some_production_settings() -> Settings:
    return load_settings(
        mode="production",
        database_url="postgresql://localhost/x",
        trusted_proxies="none",
        public_base_url="https://push.example.com",
    )
