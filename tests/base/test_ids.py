from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.base.ids import MAX_SMALL_ID, new_request_id, new_small_id, new_uid, public_id, uid_of

LEAST, GREATEST = UUID(int=0), UUID(int=2**128 - 1)


@settings(deadline=None)
@given(st.uuids(version=4), st.sampled_from(["proj", "usr", "sess", "key", "mem"]))
def test_a_public_id_leads_back_to_its_uid(uid: UUID, prefix: str) -> None:
    text = public_id(prefix, uid)

    assert uid_of(prefix, text) == uid
    assert len(text) == len(prefix) + 1 + 26
    assert set(text.removeprefix(f"{prefix}_")) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_the_encoding_is_crockfords_with_the_first_digit_highest() -> None:
    assert public_id("usr", LEAST) == "usr_00000000000000000000000000"
    assert public_id("usr", GREATEST) == "usr_7zzzzzzzzzzzzzzzzzzzzzzzzz"
    assert public_id("usr", UUID(int=31)) == "usr_0000000000000000000000000z"
    assert public_id("usr", UUID(int=32)) == "usr_00000000000000000000000010"


@settings(deadline=None)
@given(st.uuids(), st.uuids())
def test_public_ids_are_in_the_order_of_their_uids(one: UUID, other: UUID) -> None:
    assert (public_id("usr", one) < public_id("usr", other)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "usr",
        "usr_",
        "sess_00000000000000000000000001",  # of something else
        "00000000000000000000000001",
        "usr_0000000000000000000000001",  # too short
        "usr_000000000000000000000000001",  # too long
        "usr_80000000000000000000000000",  # more than 128 bits
        "usr_0000000000000000000000000A",
        "USR_00000000000000000000000001",
        "usr_0000000000000000000000000i",  # looks like 1
        "usr_0000000000000000000000000l",
        "usr_0000000000000000000000000o",
        "usr_0000000000000000000000000u",
        "usr__0000000000000000000000001",
        "usr_00000000000000000000000001\n",
        " usr_00000000000000000000000001",
        "usr_0000000000000000000000000\u0661",
        "usr_0000000000000000000000000\ud800",
        "usr_\x0000000000000000000000000001",
    ],
)
def test_each_uid_has_one_text_and_no_other_is_read(text: str) -> None:
    assert uid_of("usr", text) is None


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_an_id_or_none(text: str) -> None:
    for candidate in (text, f"usr_{text}"):
        uid = uid_of("usr", candidate)
        assert uid is None or public_id("usr", uid) == candidate


def test_uids_are_random_and_of_version_4() -> None:
    made = {new_uid() for _ in range(200)}

    assert len(made) == 200
    assert {uid.version for uid in made} == {4}


def test_a_request_id_is_a_random_uuid_in_text() -> None:
    made = {new_request_id() for _ in range(200)}

    assert len(made) == 200
    assert all(str(UUID(text)) == text and UUID(text).version == 4 for text in made)


def test_a_small_id_is_a_positive_int32() -> None:
    assert all(1 <= new_small_id() <= MAX_SMALL_ID for _ in range(200))
