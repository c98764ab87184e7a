"""Which passwords are taken."""

import hashlib
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from server.base.errors import InvalidFields
from server.base.secret import Secret
from server.core.credentials.blocklist import is_common, is_made_of
from server.core.credentials.breached import is_breached
from server.core.credentials.rules import NewPassword, check_password
from server.core.realms.model import Realm, RealmKind
from server.core.realms.stored_policy import policy_of
from server.db.pool import Connection
from tests.support.work import a_work, some_settings

EMAIL = "jane.doe@acme-corp.example"


def a_realm(**policy: object) -> Realm:
    """The realm of an application called Paperklip."""
    return Realm(
        id=UUID(int=1),
        kind=RealmKind.CUSTOMER,
        surface="protekt_auth",
        name=None,
        organization_id=None,
        project_id=None,
        environment_id=None,
        app_name="Paperklip",
        login_id=None,
        redirect_url=None,
        allowed_origins=(),
        push_integration_id=None,
        policy=policy_of("protekt_auth", policy),
    )


async def fault_of(
    password: str, *, breached: Path | None = None, field: str = "password", **policy: object
) -> str | None:
    """What is wrong with a password of Jane Doe's; None if nothing is."""
    work = a_work(cast("Connection", None), settings=some_settings(breached_passwords_file=breached))
    try:
        await check_password(
            work, NewPassword(a_realm(**policy), Secret(password), (EMAIL, "+15551234567"), field)
        )
    except InvalidFields as refused:
        return dict(refused.fields)[field]
    return None


@pytest.mark.parametrize(
    "password",
    [
        "k7#pq2vx",
        "correct horse battery staple",
        "        spaces count too",
        "密码密码密码密码啊啊",
        "🦊🐙🦉🐝🦋🐢🐬🦔",
        "$%&/()=?!*",
        "x" * 256,
        "é" * 256,
    ],
)
async def test_a_long_enough_password_of_any_letters_is_taken(password: str) -> None:
    assert await fault_of(password) is None


@pytest.mark.parametrize("password", ["", "k7#pq2v", "🦊🐙🦉🐝🦋🐢🐬", "e\u0301" * 7])
async def test_seven_letters_are_too_few_however_they_are_encoded(password: str) -> None:
    assert await fault_of(password) == "must have at least 8 characters"


async def test_letters_are_counted_after_they_are_composed() -> None:
    assert await fault_of("e\u0301" * 256) is None
    assert await fault_of("e\u0301" * 257) == "must have at most 256 characters"


async def test_a_realm_may_ask_for_more() -> None:
    assert await fault_of("k7#pq2vx-a4!z", password_min_length=15) == "must have at least 15 characters"


async def test_the_field_is_called_as_the_request_calls_it() -> None:
    assert await fault_of("short", field="new_password") is not None


@pytest.mark.parametrize("password", ["password1", "PassWord1", "qwertyuiop", "1qaz2wsx", "iloveyou1"])
async def test_common_passwords_are_refused_in_any_casing(password: str) -> None:
    assert await fault_of(password) == "is one of the most common passwords"


def test_the_list_of_common_passwords_is_there() -> None:
    assert is_common("trustno1") or is_common("football1")
    assert not is_common("# common passwords")


@pytest.mark.parametrize(
    "password",
    [
        "jane.doe@acme-corp.example",
        "Jane.Doe1",
        "JANE-DOE-99",
        "acme-corp.example",
        "AcmeCorp!1",
        "doe@acme-corp",
        "paperklip",
        "Paperklip123",
        "paperklippaperklip",
        "ｐａｐｅｒｋｌｉｐ",  # noqa: RUF001 - the same letters, wider
        "Countersign!",
        "15551234567",
    ],
)
async def test_what_is_known_of_the_person_or_the_application_is_no_password(password: str) -> None:
    assert await fault_of(password) == "is too close to your email address or the application's name"


@pytest.mark.parametrize("password", ["jane-and-the-nine-cats", "my paperklip is red", "doe!k7#pq2vx"])
async def test_a_known_word_among_others_does_no_harm(password: str) -> None:
    assert await fault_of(password) is None


def test_short_words_are_passed_over() -> None:
    assert not is_made_of("bob-4711", ("bob",))
    assert not is_made_of("abcdefgh", ("",))


# --- known breaches -------------------------------------------------------------------------------


def a_set(folder: Path, *passwords: str, newline: str = "\r\n") -> Path:
    """A file of breached passwords as the downloader writes it."""
    lines = sorted(
        f"{hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()}:{seen}"
        for seen, password in enumerate(passwords, start=1)
    )
    file = folder / "pwned.txt"
    file.write_bytes("".join(f"{line}{newline}" for line in lines).encode())
    return file


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_each_password_of_the_set_is_found_and_no_other(tmp_path: Path, newline: str) -> None:
    passwords = [f"password number {number}" for number in range(1000)]
    file = a_set(tmp_path, *passwords[::2], newline=newline)

    found = [password for password in passwords if is_breached(file, password)]

    assert found == passwords[::2]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_small_sets_are_searched_too(tmp_path: Path, count: int) -> None:
    passwords = ["one password", "two passwords", "three passwords"]
    file = a_set(tmp_path, *passwords[:count])

    assert [is_breached(file, password) for password in passwords] == [n < count for n in range(3)]


def test_a_last_line_without_its_end_is_found(tmp_path: Path) -> None:
    file = a_set(tmp_path, "one", "two", "three")
    file.write_bytes(file.read_bytes().rstrip())

    assert all(is_breached(file, password) for password in ("one", "two", "three"))


async def test_a_breached_password_is_refused_in_either_spelling(tmp_path: Path) -> None:
    file = a_set(tmp_path, "caf\u00e9 paris 75", "cafe\u0301 paris 76")

    for password in ("cafe\u0301 paris 75", "cafe\u0301 paris 76"):
        assert await fault_of(password, breached=file) == "appears in known data breaches"
    assert await fault_of("k7#pq2vx", breached=file) is None


async def test_a_set_that_cannot_be_read_keeps_nobody_out(tmp_path: Path) -> None:
    assert await fault_of("k7#pq2vx", breached=tmp_path / "gone") is None
    assert await fault_of("password1", breached=tmp_path / "gone") == "is one of the most common passwords"
