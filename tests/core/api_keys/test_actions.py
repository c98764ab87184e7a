from datetime import timedelta

import pytest

from server.base.errors import InvalidApiKey, InvalidOperatorKey
from server.base.principal import Actor
from server.base.secret import Secret
from server.core.api_keys.actions import (
    AuthenticateApiKey,
    AuthenticateOperatorKey,
    authenticate_api_key,
    authenticate_operator_key,
)
from server.core.api_keys.administration import (
    ChangeApiKey,
    CreateApiKey,
    ReadApiKey,
    RevokeApiKey,
    change_api_key,
    create_api_key,
    read_api_key,
    revoke_api_key,
)
from server.core.api_keys.model import IssuedApiKey
from server.core.api_keys.operator_keys import (
    CreateOperatorKey,
    ReadOperatorKey,
    RevokeOperatorKey,
    create_operator_key,
    read_operator_key,
    revoke_operator_key,
)
from server.core.integrations.actions import DeactivateIntegration, deactivate_integration
from server.core.organizations.actions import DeactivateTenant, deactivate_tenant
from server.core.work import Work
from tests.support.factories import an_api_key, an_integration, an_operator_key
from tests.support.work import later

ADDRESS = "198.51.100.7"


def shown(issued: IssuedApiKey, address: str | None = ADDRESS) -> AuthenticateApiKey:
    return AuthenticateApiKey(issued.key.key_id, issued.secret, address)


async def test_a_key_says_whose_it_is(work: Work) -> None:
    issued = await an_api_key(work)

    key = await authenticate_api_key(work, shown(issued))

    assert key.id == issued.key.id
    assert key.integration_id == issued.key.integration_id
    assert key.organization_id == issued.key.organization_id


async def test_another_key_s_secret_is_refused(work: Work) -> None:
    one, other = await an_api_key(work), await an_api_key(work)

    with pytest.raises(InvalidApiKey):
        await authenticate_api_key(work, AuthenticateApiKey(one.key.key_id, other.secret, ADDRESS))


@pytest.mark.parametrize(
    ("key_id", "secret"),
    [
        ("ezkey_ikey_" + "0a" * 10, "ezkey_skey_" + "0a" * 20),
        ("ezkey_ikey_", "ezkey_skey_"),
        ("ezkey_ikey_\0" + "0" * 19, "x"),
        ("", ""),
        ("ezkey_ikey_" + "\u0660" * 20, "\ud800"),
    ],
)
async def test_unknown_and_malformed_keys_are_refused(work: Work, key_id: str, secret: str) -> None:
    with pytest.raises(InvalidApiKey):
        await authenticate_api_key(work, AuthenticateApiKey(key_id, Secret(secret), ADDRESS))


async def test_a_revoked_key_is_refused_at_once(work: Work) -> None:
    issued = await an_api_key(work)
    await revoke_api_key(work, RevokeApiKey(issued.key.id))

    with pytest.raises(InvalidApiKey):
        await authenticate_api_key(work, shown(issued))


async def test_a_key_works_until_it_expires_and_no_longer(work: Work) -> None:
    integration = await an_integration(work)
    issued = await create_api_key(
        work, CreateApiKey(integration.id, "Key", expires_at=work.now + timedelta(seconds=60))
    )

    await authenticate_api_key(later(work, seconds=59, milliseconds=999), shown(issued))
    with pytest.raises(InvalidApiKey):
        await authenticate_api_key(later(work, seconds=60), shown(issued))


async def test_the_key_of_an_inactive_integration_is_refused(work: Work) -> None:
    issued = await an_api_key(work)
    await deactivate_integration(work, DeactivateIntegration(issued.key.integration_id))

    with pytest.raises(InvalidApiKey):
        await authenticate_api_key(work, shown(issued))


async def test_the_key_of_an_inactive_tenant_is_refused(work: Work) -> None:
    issued = await an_api_key(work)
    await deactivate_tenant(work, DeactivateTenant(issued.key.organization_id))

    with pytest.raises(InvalidApiKey):
        await authenticate_api_key(work, shown(issued))


@pytest.mark.parametrize(
    "address", ["198.51.100.7", "::ffff:198.51.100.7", "10.20.30.40", "2001:db8:1::5", "192.0.2.200"]
)
async def test_an_address_on_the_list_may_use_the_key(work: Work, address: str) -> None:
    issued = await an_api_key(
        work,
        ip_whitelist=("198.51.100.7", "10.0.0.0/8", "2001:db8:1::/48", "::ffff:192.0.2.128/121"),
    )

    assert (await authenticate_api_key(work, shown(issued, address))).id == issued.key.id


@pytest.mark.parametrize("address", ["198.51.100.8", "11.0.0.1", "2001:db8:2::5", "not an address", None])
async def test_an_address_that_is_not_on_the_list_is_refused(work: Work, address: str | None) -> None:
    issued = await an_api_key(work, ip_whitelist=("198.51.100.7", "10.0.0.0/8", "2001:db8:1::/48"))

    with pytest.raises(InvalidApiKey):
        await authenticate_api_key(work, shown(issued, address))


async def test_taking_the_list_away_lets_everybody_in(work: Work) -> None:
    issued = await an_api_key(work, ip_whitelist=("10.0.0.1",))
    await change_api_key(work, ChangeApiKey(issued.key.id, ip_whitelist=()))

    await authenticate_api_key(work, shown(issued))


async def test_when_a_key_was_last_used_is_written_once_a_minute(work: Work) -> None:
    issued = await an_api_key(work)

    async def used_after(seconds: float) -> object:
        key = await authenticate_api_key(later(work, seconds=seconds), shown(issued))
        read = await read_api_key(work, ReadApiKey(issued.key.id))
        assert key.last_used_at == read.last_used_at
        return read.last_used_at

    assert await used_after(0) == work.now
    assert await used_after(59) == work.now
    assert await used_after(60) == work.now + timedelta(seconds=60)


async def test_a_refused_key_is_not_counted_as_used(work: Work) -> None:
    issued = await an_api_key(work)

    with pytest.raises(InvalidApiKey):
        await authenticate_api_key(work, AuthenticateApiKey(issued.key.key_id, Secret("x"), ADDRESS))

    assert (await read_api_key(work, ReadApiKey(issued.key.id))).last_used_at is None


async def test_an_operator_key_says_whose_it_is(work: Work) -> None:
    issued = await an_operator_key(work)

    caller = await authenticate_operator_key(work, AuthenticateOperatorKey(issued.secret))

    assert (caller.kind, caller.id) == (Actor.OPERATOR, str(issued.key.id))
    assert caller.organization_id is None
    assert (await read_operator_key(work, ReadOperatorKey(issued.key.id))).last_used_at == work.now


@pytest.mark.parametrize("key", ["", "ezkey_okey_", f"ezkey_okey_{'0a' * 10}_{'A' * 43}", "\0", "\ud800"])
async def test_unknown_and_malformed_operator_keys_are_refused(work: Work, key: str) -> None:
    with pytest.raises(InvalidOperatorKey):
        await authenticate_operator_key(work, AuthenticateOperatorKey(Secret(key)))


async def test_an_operator_key_with_one_character_changed_is_refused(work: Work) -> None:
    key = (await an_operator_key(work)).secret.reveal()
    wrong = key[:-5] + ("A" if key[-5] != "A" else "B") + key[-4:]

    with pytest.raises(InvalidOperatorKey):
        await authenticate_operator_key(work, AuthenticateOperatorKey(Secret(wrong)))


async def test_a_revoked_operator_key_is_refused_at_once(work: Work) -> None:
    issued = await an_operator_key(work)
    await revoke_operator_key(work, RevokeOperatorKey(issued.key.id))

    with pytest.raises(InvalidOperatorKey):
        await authenticate_operator_key(work, AuthenticateOperatorKey(issued.secret))


async def test_an_operator_key_expires(work: Work) -> None:
    issued = await create_operator_key(
        work, CreateOperatorKey("For a minute", expires_at=work.now + timedelta(seconds=60))
    )

    await authenticate_operator_key(later(work, seconds=59), AuthenticateOperatorKey(issued.secret))
    with pytest.raises(InvalidOperatorKey):
        await authenticate_operator_key(later(work, seconds=60), AuthenticateOperatorKey(issued.secret))
