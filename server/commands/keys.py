"""countersign keys: the master keys that seal secrets at rest, and the keys that sign access tokens."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from server.commands.performing import perform, refuse, settings_or_exit, whoever_is_logged_in, with_core
from server.commands.showing import show_lines
from server.core.instance.keys import KEYS_TOPIC
from server.core.instance.resealing import Reseal, count_lost, count_sealed_with, count_stale, reseal
from server.core.sessions.token_keys import RotateTokenKeys, rotate_token_keys
from server.core.work import Core
from server.crypto.key_file import add_key, load_key_file, remove_key

# How long running processes are given to read the key file again before their last seals are looked for.
SETTLE_SECONDS = 1.0

APPLICATION_NAME = "countersign keys"

app = typer.Typer(no_args_is_help=True, help="Master keys, which seal secrets at rest; token keys.")

KeyId = Annotated[str, typer.Argument(show_default=False, help="The key's id, 16 hex digits (`keys list`).")]


@app.command("list")
def list_keys() -> None:
    """List the master keys by id, and how many secrets are sealed with each. No key is shown."""
    settings = settings_or_exit()

    async def look(core: Core) -> list[str]:
        keys = load_key_file(settings.key_file)
        actor = whoever_is_logged_in()
        return [
            f"{key_id}  {'current' if key_id == keys.current else 'old    '}  "
            f"{await core.perform_at_once(count_sealed_with, key_id, actor=actor)} secrets"
            for key_id in keys.keys
        ]

    show_lines(with_core(settings, look, application_name=APPLICATION_NAME))


@app.command("rotate")
def rotate() -> None:
    """Make a new master key and seal every secret with it, while the instance goes on serving.

    Running processes learn of the new key at once. The old key stays in the key file, and opens what an
    older backup of the database holds, until `keys retire` takes it out. Interrupted, it may simply be run
    again: a second run goes on with a further new key.
    """
    settings = settings_or_exit()

    async def work(core: Core) -> str:
        known = tuple(load_key_file(settings.key_file).keys)
        if lost := await core.perform_at_once(count_lost, known, actor=whoever_is_logged_in()):
            refuse(
                f"{lost} secrets are sealed with a key that is not in {settings.key_file}: "
                "put that key back first, from a backup."
            )
        key_id = add_key(settings.key_file)
        core.keys.reload()
        core.db.wakeups.publish(KEYS_TOPIC)
        await _reseal_all(core)
        # A process may have sealed with the old key until it heard of the new one.
        await asyncio.sleep(SETTLE_SECONDS)
        await _reseal_all(core)
        return key_id

    key_id = with_core(settings, work, application_name=APPLICATION_NAME)
    show_lines([f"Every secret is sealed with the new key {key_id}. Back up {settings.key_file} now."])


@app.command("retire")
def retire(key_id: KeyId) -> None:
    """Take an old master key out of the key file, once nothing is sealed with it any more.

    Backups of the database from before the rotation can then only be opened with a backup of the key file.
    """
    settings = settings_or_exit()

    async def work(core: Core) -> None:
        keys = load_key_file(settings.key_file)
        if key_id not in keys.keys:
            refuse(f"There is no key {key_id}.")
        if key_id == keys.current:
            refuse(f"The key {key_id} is the current one; `countersign keys rotate` makes another.")
        sealed = await core.perform_at_once(count_sealed_with, key_id, actor=whoever_is_logged_in())
        if sealed:
            refuse(f"{sealed} secrets are still sealed with {key_id}; run `countersign keys rotate` first.")
        remove_key(settings.key_file, key_id)
        core.db.wakeups.publish(KEYS_TOPIC)

    with_core(settings, work, application_name=APPLICATION_NAME)
    show_lines([f"The key {key_id} is no longer in {settings.key_file}."])


@app.command("rotate-tokens")
def rotate_tokens(
    *,
    distrust: Annotated[
        bool,
        typer.Option(
            "--distrust",
            help="Refuse what older keys signed, within a minute: after a key was stolen. People's apps "
            "refresh their tokens; who checks tokens without asking this server must read the keys again.",
        ),
    ] = False,
) -> None:
    """Sign new access tokens with a new key, while the instance goes on serving.

    The older keys stay published for as long as their tokens may live, some twenty-five hours.
    """
    kid = perform(rotate_token_keys, RotateTokenKeys(distrust=distrust))
    show_lines([f"New access tokens are signed with the key {kid}."])


async def _reseal_all(core: Core) -> None:
    """Nothing is sealed with another than the current key; progress is shown on standard error."""
    actor = whoever_is_logged_in()
    total = sum(count.stale for count in await core.perform_at_once(count_stale, None, actor=actor))
    columns = (TextColumn("Sealing anew"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not total) as progress:
        task = progress.add_task("", total=total)
        while done := await core.perform(reseal, Reseal(), actor=actor):
            progress.update(task, advance=done)
