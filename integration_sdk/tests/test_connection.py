"""Which URLs and keys are taken, and what is said about the others."""

import ssl

import pytest

from countersign import AsyncClient, Client
from countersign._connection import Connection, read_environment
from countersign.errors import ConfigurationError

KEY_ID = "ezkey_ikey_0123456789abcdef0123"
SECRET = "ezkey_skey_0123456789abcdef0123456789abcdef01234567"
VARIABLES = {
    "COUNTERSIGN_URL": "https://countersign.example.com",
    "COUNTERSIGN_KEY_ID": KEY_ID,
    "COUNTERSIGN_KEY_SECRET": SECRET,
}


@pytest.mark.parametrize(
    "url",
    [
        "https://countersign.example.com",
        "https://countersign.example.com:8443/",
        "https://example.com/auth/countersign/",
        "HTTPS://countersign.example.com",
        "https://[2001:db8::1]",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://127.8.8.8:1",
        "http://[::1]:8080/prefix",
    ],
)
def test_https_anywhere_and_http_on_this_machine_are_taken(url: str) -> None:
    assert Connection(url, KEY_ID, SECRET).url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://countersign.example.com",
        "http://10.0.0.1",
        "http://0.0.0.0:8080",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://[2001:db8::1]",
        "ftp://localhost",
        "localhost:8080",
        "//localhost",
        "https://",
        "",
        "https://example.com:port",
        "https://example.com/?tenant=1",
        "https://example.com/?",
        "https://example.com/#top",
        "https://jane:pw12345@example.com",
        "https://example.com\r\nX: y",
    ],
)
def test_any_other_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Connection(url, KEY_ID, SECRET)

    assert "pw12345" not in str(refused.value)
    assert refused.value.code == "configuration"
    assert refused.value.status is None


@pytest.mark.parametrize("key_id", ["", SECRET, "ezkey_ikey_", KEY_ID + "\n", KEY_ID + ":", "jane"])
def test_a_key_id_must_look_like_one(key_id: str) -> None:
    with pytest.raises(ConfigurationError, match="id must look like ezkey_ikey_") as refused:
        Connection("https://example.com", key_id, SECRET)

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("secret", ["", KEY_ID, "ezkey_skey_", SECRET + "\n", "hunter2"])
def test_a_secret_must_look_like_one_and_is_not_shown_when_it_does_not(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="secret must look like ezkey_skey_") as refused:
        Connection("https://example.com", KEY_ID, secret)

    assert "hunter2" not in str(refused.value)


def test_the_environment_is_read_without_the_white_space_around_its_values() -> None:
    values = read_environment({name: f" {value}\n" for name, value in VARIABLES.items()})

    assert values == tuple(VARIABLES.values())


@pytest.mark.parametrize("missing", VARIABLES)
@pytest.mark.parametrize("empty", [None, "", "  "])
@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_the_missing_variable_is_named_and_no_other(
    monkeypatch: pytest.MonkeyPatch, client: type[Client | AsyncClient], missing: str, empty: str | None
) -> None:
    for name, value in {**VARIABLES, missing: empty}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as refused:
        client.from_environment()

    assert [name for name in VARIABLES if name in str(refused.value)] == [missing]
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_client_comes_from_the_environment_and_its_text_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch, client: type[Client | AsyncClient]
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)

    made = client.from_environment(verify=ssl.create_default_context())

    kind = client.__name__
    assert repr(made) == f"{kind}('https://countersign.example.com', '{KEY_ID}')"
    assert SECRET not in str(vars(made))


@pytest.mark.parametrize("seconds", [0, 301])
@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_the_server_is_not_asked_to_hold_a_request_longer_than_it_may(
    client: type[Client | AsyncClient], seconds: int
) -> None:
    with pytest.raises(ValueError, match="1 to 300"):
        client("https://example.com", KEY_ID, SECRET, server_wait_seconds=seconds)


def test_requests_to_this_machine_pass_no_proxy() -> None:
    here = Connection("http://127.0.0.1:8080", KEY_ID, SECRET).http_options(None)
    elsewhere = Connection("https://example.com", KEY_ID, SECRET).http_options(None)

    assert here["trust_env"] is False
    assert elsewhere["trust_env"] is True
    assert here["follow_redirects"] is elsewhere["follow_redirects"] is False
