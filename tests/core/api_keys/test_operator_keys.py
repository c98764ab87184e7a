import asyncio
from datetime import timedelta

import pytest

from server.base import ids
from server.base.errors import InvalidFields, OperatorKeyNotFound, OperatorKeyRevoked
from server.base.pages import PageRequest
from server.core.api_keys.model import IssuedOperatorKey
from server.core.api_keys.operator_keys import (
    CreateOperatorKey,
    ListOperatorKeys,
    ReadOperatorKey,
    RevokeOperatorKey,
    create_operator_key,
    list_operator_keys,
    read_operator_key,
    revoke_operator_key,
)
from server.core.work import Core, Work
from server.crypto.tokens import digest, operator_key_name
from tests.support.factories import a_name, an_operator_key
from tests.support.work import OPERATOR, event_names, later


async def test_a_key_s_text_is_in_the_outcome_and_only_its_digest_is_kept(work: Work) -> None:
    issued = await create_operator_key(work, CreateOperatorKey(" On call "))

    row = await work.conn.fetchrow("SELECT * FROM operator_keys WHERE id = $1", issued.key.id)

    assert row is not None
    text = issued.secret.reveal()
    assert row["key_digest"] == digest(text)
    assert issued.key.key_id == operator_key_name(text)
    assert text not in repr((dict(row), issued, work.events))
    assert (issued.key.label, issued.key.active) == ("On call", True)
    assert event_names(work) == ["operator_key.created"]


@pytest.mark.parametrize("label", ["", "a\tb", "x" * 101])
async def test_a_label_that_cannot_be_shown_is_refused(work: Work, label: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        await create_operator_key(work, CreateOperatorKey(label))

    assert list(refused.value.fields) == ["label"]


async def test_an_expiry_in_the_past_is_refused(work: Work) -> None:
    with pytest.raises(InvalidFields):
        await create_operator_key(work, CreateOperatorKey("Key", expires_at=work.now - timedelta(days=1)))


async def test_a_revoked_key_stays_revoked(work: Work) -> None:
    issued = await an_operator_key(work)
    afterwards = later(work, seconds=1)

    revoked = await revoke_operator_key(afterwards, RevokeOperatorKey(issued.key.id))

    assert (revoked.active, revoked.revoked_at) == (False, afterwards.now)
    with pytest.raises(OperatorKeyRevoked):
        await revoke_operator_key(later(work, seconds=2), RevokeOperatorKey(issued.key.id))
    assert event_names(afterwards) == ["operator_key.revoked"]


async def test_of_revocations_at_the_same_moment_one_wins(core: Core) -> None:
    issued = await core.perform(_an_operator_key, None, actor=OPERATOR)

    outcomes = await asyncio.gather(
        *(
            core.perform(revoke_operator_key, RevokeOperatorKey(issued.key.id), actor=OPERATOR)
            for _ in range(4)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, OperatorKeyRevoked) for outcome in outcomes) == 3


async def test_an_unknown_key_is_not_found(work: Work) -> None:
    unknown = ids.new_small_id()

    with pytest.raises(OperatorKeyNotFound):
        await read_operator_key(work, ReadOperatorKey(unknown))
    with pytest.raises(OperatorKeyNotFound):
        await revoke_operator_key(work, RevokeOperatorKey(unknown))


async def test_lists_are_searched_and_filtered(work: Work) -> None:
    word = a_name("Team")
    one = await create_operator_key(work, CreateOperatorKey(f"{word} one"))
    two = await create_operator_key(later(work, seconds=1), CreateOperatorKey(f"{word} two"))
    await revoke_operator_key(work, RevokeOperatorKey(one.key.id))

    async def listed(*, active: bool | None = None) -> list[int]:
        page = await list_operator_keys(work, ListOperatorKeys(PageRequest(search=word.upper()), active))
        return [key.id for key in page.items]

    assert await listed() == [two.key.id, one.key.id]
    assert await listed(active=True) == [two.key.id]


async def _an_operator_key(work: Work, _: None) -> IssuedOperatorKey:
    return await an_operator_key(work)
