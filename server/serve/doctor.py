"""What is wrong with an instance, and what to do: what `countersign doctor` does.

Nothing is changed. If the database is the embedded one and does not run, it is started for the look and
stopped afterwards.
"""

import asyncio
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import redis

from server.app import SURFACES
from server.base.errors import Unavailable
from server.base.settings import LOOPBACK_HOSTS, Settings, SettingsError, variable_of
from server.core.notifications.rehearsal import rehearse
from server.crypto.key_file import KeyFileError, load_key_file
from server.outbound.failure import NotSent
from server.outbound.mail import relay_of
from server.serve.database_state import (
    OLDEST_VERSION,
    DatabaseState,
    count_lost,
    count_sealed,
    read_moved_seconds,
    read_state,
    why,
)
from server.serve.instance import newest_revision, running_database
from server.serve.refusal import CannotStart
from server.surfaces.kit.bindings import Bindings
from server.surfaces.kit.counting import client_url

SKEW_TO_WARN = timedelta(seconds=1)
SKEW_TOO_FAR = timedelta(seconds=5)
SPACE_TO_WARN_BYTES = 1024**3
SPACE_TOO_LITTLE_BYTES = 100 * 1024**2
FILES_BESIDES_WAITS = 1000
REDIS_TIMEOUT_SECONDS = 5.0
# What the SDK, the device simulator and the tests read from the environment.
SDK_AND_DEVICE_VARIABLES = frozenset(
    {
        "COUNTERSIGN_URL",
        "COUNTERSIGN_KEY_ID",
        "COUNTERSIGN_KEY_SECRET",
        "COUNTERSIGN_DEVICE_WALLET",
        "COUNTERSIGN_TEST_DATABASE_URL",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it.

    Args:
        name: What was looked at, in a word or two.
        state: Whether it is well, deserves a thought, or keeps the instance from working.
        sentence: How it is. No secret is in it.
        advice: What to do; empty where nothing is.
    """

    name: str
    state: Literal["ok", "warning", "wrong"]
    sentence: str
    advice: str = ""


def examine(settings: Settings | SettingsError) -> list[Finding]:
    """What there is to say about the instance, the most basic first. It blocks: not for a running event loop.

    Args:
        settings: The instance's settings, or why they could not be loaded: then that is all there is to say.
    """
    if isinstance(settings, SettingsError):
        return [Finding("settings", "wrong", line, "Set it right.") for line in str(settings).splitlines()]
    return [
        Finding("settings", "ok", f"The settings are valid ({settings.mode} mode)."),
        *_unknown_variables(os.environ),
        *_bindings(settings),
        *_reached_from_outside(settings),
        *_shared_limits(settings),
        *_mail(settings),
        *_sms(settings),
        _templates(),
        *_open_files(settings),
        *_data_folder(settings),
        *_key_file(settings),
        *_database(settings),
    ]


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    """What is called like a setting and is none was perhaps meant to be one."""
    known = {variable_of(field) for field in Settings.model_fields} | SDK_AND_DEVICE_VARIABLES
    for name in sorted(environment):
        if name.startswith("COUNTERSIGN_") and name not in known:
            yield Finding(
                "variables", "warning", f"There is no setting {name}.", "See docs/reference/settings.md."
            )


def _bindings(settings: Settings) -> Iterator[Finding]:
    try:
        Bindings(dict(settings.surface_bindings), {surface.mount for surface in SURFACES})
    except ValueError as wrong:
        yield Finding("bindings", "wrong", f"{wrong}.", "Set COUNTERSIGN_SURFACE_BINDINGS right.")


def _reached_from_outside(settings: Settings) -> Iterator[Finding]:
    if settings.public_base_url is None:
        yield Finding(
            "public URL",
            "warning",
            "No public URL is set: enrollment QRs carry no `authUrl`.",
            "Set COUNTERSIGN_PUBLIC_BASE_URL to the URL under which phones reach this instance.",
        )
    if settings.trusted_proxies is None and settings.host not in LOOPBACK_HOSTS:
        yield Finding(
            "proxies",
            "warning",
            "It listens to other machines, and nothing says whether there is a proxy before it: "
            "behind one, everybody has the proxy's address and shares its limits.",
            "Set COUNTERSIGN_TRUSTED_PROXIES to the proxy's address, or to `none`.",
        )


def _shared_limits(settings: Settings) -> Iterator[Finding]:
    if settings.redis_url is not None:
        yield _redis(settings.redis_url)
    elif settings.worker_count > 1:
        yield Finding(
            "limits",
            "warning",
            f"Each of the {settings.worker_count} workers counts rate limits for itself: "
            f"a caller may do up to {settings.worker_count} times as much.",
            "Set REDIS_URL to a Valkey or Redis that all count in.",
        )


def _redis(url: str) -> Finding:
    try:
        with redis.Redis.from_url(client_url(url), socket_timeout=REDIS_TIMEOUT_SECONDS) as client:
            client.ping()
    except redis.RedisError as failure:
        return Finding(
            "Redis", "wrong", f"It does not answer: {why(failure)}.", "Start it or correct REDIS_URL."
        )
    except ValueError:  # its text may hold a part of the password
        return Finding(
            "Redis", "wrong", "REDIS_URL cannot be read.", "Write it as redis://user:password@host:6379/0."
        )
    return Finding("Redis", "ok", "It answers; all processes count rate limits in it.")


def _mail(settings: Settings) -> Iterator[Finding]:
    relay = relay_of(settings)
    if relay is None:
        yield Finding(
            "mail",
            "warning" if settings.mode == "production" else "ok",
            "There is no relay: mail stays in the outbox, where `countersign outbox` shows it.",
            "Set COUNTERSIGN_SMTP_URL." if settings.mode == "production" else "",
        )
        return
    try:
        asyncio.run(relay.check())
    except NotSent as refused:
        yield Finding(
            "mail", "wrong", f"The relay does not let us in: {refused}.", "Correct COUNTERSIGN_SMTP_URL."
        )
    else:
        yield Finding("mail", "ok", "The relay lets us in.")
    if settings.mail_from == Settings.model_fields["mail_from"].default:
        yield Finding(
            "sender",
            "warning",
            f"Mail comes from {settings.mail_from}, which nobody can answer and many refuse.",
            "Set COUNTERSIGN_MAIL_FROM to an address of your own domain.",
        )


def _sms(settings: Settings) -> Iterator[Finding]:
    if settings.sms_account:
        yield Finding("SMS", "ok", f"SMS go to {settings.sms_url}; that was not tried.")
    else:
        yield Finding("SMS", "ok", "There is no provider: SMS stay in the outbox.")


def _templates() -> Finding:
    try:
        count = len(list(rehearse()))
    except Exception as failure:  # noqa: BLE001 - whatever keeps a file from being a template
        return Finding(
            "templates",
            "wrong",
            f"The messages' templates cannot be used: {why(failure)}.",
            "Install this version again.",
        )
    return Finding("templates", "ok", f"The messages can be written ({count} wordings).")


def _open_files(settings: Settings) -> Iterator[Finding]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < settings.max_waits + FILES_BESIDES_WAITS:
        yield Finding(
            "open files",
            "warning",
            f"A process may have {most} open files, and {settings.max_waits} requests may wait in one.",
            "Raise the account's limit (`ulimit -Hn`), or lower COUNTERSIGN_MAX_WAITS.",
        )


def _data_folder(settings: Settings) -> Iterator[Finding]:
    name, folder = "data folder", settings.data_dir
    if settings.database_url is not None and settings.master_key_file is not None:
        return  # nothing is in it
    if not folder.exists():
        yield Finding(name, "ok", f"There is no {folder} yet; the first start makes it.")
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as refused:
        yield Finding(
            name,
            "wrong",
            f"{folder} cannot be written: {refused.strerror}.",
            "Make it writable for the account that the server runs as.",
        )
        return
    free_bytes = shutil.disk_usage(folder).free
    sentence = f"{folder} can be written; {free_bytes / 1024**3:.1f} GiB are free."
    if free_bytes >= SPACE_TO_WARN_BYTES:
        yield Finding(name, "ok", sentence)
    else:
        state: Literal["warning", "wrong"] = "warning" if free_bytes >= SPACE_TOO_LITTLE_BYTES else "wrong"
        yield Finding(name, state, sentence, "Make room on the disk.")


def _key_file(settings: Settings) -> Iterator[Finding]:
    path = settings.key_file
    if not path.exists():
        return  # whether that is well, the database knows
    try:
        keys = load_key_file(path)
    except KeyFileError as refused:
        yield Finding("key file", "wrong", str(refused), "Without it no sealed secret can be opened.")
    else:
        yield Finding("key file", "ok", f"{path} is private and whole; it has {len(keys.keys)} key(s).")


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        yield Finding("database", "ok", "There is none yet; the first start makes an embedded one.")
        return
    try:
        with running_database(settings) as url:
            state = asyncio.run(read_state(url))
            yield _version(state)
            yield _revision(state)
            yield _clock(state)
            if state.revision == newest_revision():
                yield from _moved_clock(settings, url)
                yield from _sealed_secrets(settings, url)
    except CannotStart as refused:
        yield Finding("database", "wrong", str(refused), "Look into its log.")
    except Unavailable as refused:
        yield Finding(
            "database", "wrong", f"It does not answer: {why(refused)}.", "Start it, or correct DATABASE_URL."
        )
    except ValueError:  # its text may hold a part of the password
        yield Finding(
            "database",
            "wrong",
            "DATABASE_URL cannot be read.",
            "Percent-encode special characters in its user and password.",
        )


def _version(state: DatabaseState) -> Finding:
    sentence = f"It answers; it is PostgreSQL {state.version}."
    if state.version < OLDEST_VERSION:
        return Finding("database", "wrong", sentence, f"Use PostgreSQL {OLDEST_VERSION} or newer.")
    return Finding("database", "ok", sentence)


def _revision(state: DatabaseState) -> Finding:
    name, newest = "schema", newest_revision()
    if state.revision == newest:
        return Finding(name, "ok", f"It is at {newest}, as this version expects.")
    if state.revision is None:
        return Finding(
            name, "warning", "The database is empty.", "Run `countersign migrate`; `serve` does so too."
        )
    if state.revision < newest:
        sentence = f"It is at {state.revision}; this version expects {newest}."
        return Finding(name, "warning", sentence, "Run `countersign migrate`; `serve` does so too.")
    sentence = f"It is at {state.revision}, made by a newer version; this one expects {newest}."
    return Finding(name, "wrong", sentence, "Run the newer version.")


def _clock(state: DatabaseState) -> Finding:
    ahead_seconds = state.clock_ahead.total_seconds()
    direction = "ahead of" if ahead_seconds > 0 else "behind"
    sentence = f"The database's clock is {abs(ahead_seconds):.1f} s {direction} this machine's."
    if abs(state.clock_ahead) <= SKEW_TO_WARN:
        return Finding("clock", "ok", "The database and this machine agree on the time.")
    far: Literal["warning", "wrong"] = "wrong" if abs(state.clock_ahead) > SKEW_TOO_FAR else "warning"
    return Finding("clock", far, sentence, "Let both take their time from the same source (NTP).")


def _moved_clock(settings: Settings, url: str) -> Iterator[Finding]:
    if settings.movable_clock:
        seconds = asyncio.run(read_moved_seconds(settings, url))
        yield Finding(
            "movable clock",
            "warning",
            f"Testers may move the instance's clock; it is {seconds:+.0f} s from the real time.",
            "Turn COUNTERSIGN_MOVABLE_CLOCK off where real people sign in.",
        )


def _sealed_secrets(settings: Settings, url: str) -> Iterator[Finding]:
    name, path = "sealed secrets", settings.key_file
    if not path.exists():
        if sealed := asyncio.run(count_sealed(settings, url)):
            yield Finding(
                "key file",
                "wrong",
                f"There is none at {path}, but the database has {sealed} secrets sealed with one.",
                "Put it back, or set COUNTERSIGN_MASTER_KEY_FILE to where it is.",
            )
        else:
            yield Finding("key file", "ok", f"There is no {path} yet; the first start makes it.")
        return
    with suppress(KeyFileError):  # said already
        if lost := asyncio.run(count_lost(settings, url, load_key_file(path))):
            sentence = f"{lost} secrets in the database are sealed with keys that are not in {path}."
            yield Finding(
                name, "wrong", sentence, "Put the right key file there, or add the lost keys to it."
            )
        else:
            yield Finding(name, "ok", f"Every sealed secret can be opened with {path}.")
