"""countersign keys, run as a program, on secrets that a running server goes on using."""

import asyncio
import os
import re
import sys
from pathlib import Path

from tests.journeys.live import USER, a_phone, a_server, a_shop, an_operator


async def keys(folder: Path, database_url: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `countersign keys …`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "server", "keys", *arguments),
        env=os.environ | {"COUNTERSIGN_DATA_DIR": str(folder), "DATABASE_URL": database_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


def sealed_with(listing: str) -> dict[str, tuple[str, int]]:
    """What `keys list` says of each key: current or old, and how many secrets."""
    lines = re.findall(r"^([0-9a-f]{16})  (current|old) +(\d+) secrets$", listing, re.MULTILINE)
    return {key_id: (state, int(count)) for key_id, state, count in lines}


async def test_a_rotation_seals_everything_anew_while_the_server_goes_on(
    tmp_path: Path, fresh_database_url: str
) -> None:
    """Asked before, answered after: the running server opens and seals across the rotation."""
    async with (
        a_server(tmp_path, fresh_database_url) as instance,
        await an_operator(tmp_path, fresh_database_url, instance.url) as operator,
    ):
        shop = await a_shop(operator, instance.url)
        async with await a_phone(operator, shop) as phone, shop.client() as client:
            before = await client.create(user_identifier=USER, challenge_requested=True)
            shown = await phone.pending()
            assert shown is not None

            code, output, errors = await keys(tmp_path, fresh_database_url, "rotate")
            assert code == 0, errors
            assert "sealed with the new key" in output

            _, listing, _ = await keys(tmp_path, fresh_database_url, "list")
            states = sealed_with(listing)
            assert sorted(state for state, _ in states.values()) == ["current", "old"]
            assert {count == 0 for state, count in states.values() if state == "old"} == {True}
            assert {count > 0 for state, count in states.values() if state == "current"} == {True}

            assert before.challenge is not None
            assert (await phone.approve(shown, before.challenge)).outcome == "APPROVED"
            assert (await client.wait(before)).approved
            after = await client.create(user_identifier=USER, challenge_requested=False)
            assert await phone.pending() is not None
            assert (await client.cancel(after)).status == "EXPIRED"

            old = next(key_id for key_id, (state, _) in states.items() if state == "old")
            code, output, errors = await keys(tmp_path, fresh_database_url, "retire", old)
            assert code == 0, errors
            _, listing, _ = await keys(tmp_path, fresh_database_url, "list")
            assert list(sealed_with(listing)) == [key_id for key_id in states if key_id != old]
            assert (await phone.instance_info()).instance_name == "Countersign"


async def test_the_current_key_and_an_unknown_key_cannot_be_retired(
    tmp_path: Path, fresh_database_url: str
) -> None:
    """What would lose secrets is refused with a sentence."""
    _, listing, _ = await keys(tmp_path, fresh_database_url, "list")
    (current,) = sealed_with(listing)
    code, _, errors = await keys(tmp_path, fresh_database_url, "retire", current)
    assert (code, "is the current one" in errors) == (1, True)
    code, _, errors = await keys(tmp_path, fresh_database_url, "retire", "0" * 16)
    assert (code, "There is no key" in errors) == (1, True)
    assert "Traceback" not in errors
