"""Every setting, in one class. Each is an environment variable; nothing is read anywhere else.

The variable is the field's name in capitals with `COUNTERSIGN_` before it, except `DATABASE_URL` and
`REDIS_URL`, which are called what every platform calls them. docs/reference/settings.md is made from here.
"""

import os
import re
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from server.base.text import is_showable

Network = IPv4Network | IPv6Network

MOST_WORKERS = 64
REDIS_SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix")
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - only compared with
SMTP_SCHEMES = ("smtp", "smtps", "smtp+plain")
_PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_PLACE = re.compile(rf":{_PORT}|(?:\[[0-9a-f:.]+\]|[^\s:=\[\]]+)(?::{_PORT})?")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1", "10.0.2.2")


def _number(value: object) -> object:
    """What an environment variable says as text, as a number: `Literal` compares types."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class SettingsError(Exception):
    """A setting is wrong. The text names the variable and says why; the value itself is not in it."""


class Settings(BaseSettings):
    """The instance's settings, checked as a whole before anything starts."""

    model_config = SettingsConfigDict(
        env_prefix="COUNTERSIGN_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    # --- where it runs ---
    mode: Literal["development", "production"] = Field(
        "development",
        description="`production` refuses what only a tester needs (the movable clock) and insists on a "
        "database of its own, a public https URL, and a decision about proxies.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    workers: int | None = Field(
        None,
        ge=1,
        le=MOST_WORKERS,
        description="How many processes serve requests. Unset, one for each core in production mode, and "
        "one in development mode.",
    )
    server: Literal["uvicorn", "hypercorn"] = Field(
        "uvicorn", description="`uvicorn` is faster; `hypercorn` speaks HTTP/2 too."
    )
    data_dir: Path = Field(
        Path("data"),
        description="Folder of the embedded PostgreSQL and of the master key, made at first start.",
    )
    database_url: str | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="A PostgreSQL 15+ to use, `postgresql://user:password@host/name`. Without it an embedded "
        "PostgreSQL 18 runs in the data folder.",
    )
    database_connections: int = Field(
        4, ge=2, le=100, description="Connections of each process besides the one that listens."
    )
    redis_url: str | None = Field(
        None,
        validation_alias="REDIS_URL",
        description="A Valkey or Redis that all processes count rate limits in. Without it each process "
        "counts for itself.",
    )
    master_key_file: Path | None = Field(
        None,
        description="File of the keys that seal secrets at rest, mode 0600; `master-keys.json` in the data "
        "folder when unset. Made at first start. Without it sealed data cannot be opened: back it up, apart "
        "from the database.",
    )
    run_jobs: bool = Field(
        True, description="Whether serving processes also run the jobs; otherwise `countersign worker` must."
    )
    movable_clock: bool = Field(
        False,
        description="Lets testers move the instance's clock (`/testing/clock`). Never in production mode.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="`json` for machines, `console` for people."
    )
    access_log_sample: float = Field(
        1,
        ge=0,
        le=1,
        description="The share of requests answered with less than 400 that leave a line in the log: `0.01` "
        "for every hundredth, by chance. All others always do.",
    )

    # --- what phones and people are told ---
    instance_name: str = Field(
        "Countersign", min_length=1, max_length=200, description="The instance's name."
    )
    instance_description: str | None = Field(
        None, max_length=1000, description="A sentence about the instance."
    )
    public_base_url: str | None = Field(
        None,
        description="The URL under which phones reach the device API; it goes into enrollment QRs as "
        "`authUrl`. https, or http on a loopback host. A path prefix is kept.",
    )
    about_url: str | None = Field(None, description="Where people can read about the instance.")

    # --- sign-in ---
    token_algorithm: Literal["ES256", "RS256"] = Field(
        "ES256",
        description="What new access tokens are signed with. Tokens signed before a change stay good.",
    )
    breached_passwords_file: Path | None = Field(
        None,
        description="A local set of breached passwords to refuse, as `haveibeenpwned-downloader` writes it: "
        "lines of SHA-1 in hex and a count, sorted by hash.",
    )

    # --- mail and SMS ---
    smtp_url: SecretStr | None = Field(
        None,
        description="The relay that takes mail: `smtp://user:password@host:587` (STARTTLS), "
        "`smtps://host:465` (TLS); `smtp+plain://host:25` for a relay on a trusted network. Unset, mail "
        "stays in the outbox, where `countersign outbox` shows it.",
    )
    mail_from: str = Field(
        "Countersign <no-reply@countersign.invalid>", description="The sender of mail, as in a From header."
    )
    sms_url: str = Field(
        "https://api.twilio.com", description="An SMS provider that speaks Twilio's HTTP API."
    )
    sms_account: str | None = Field(
        None, description="The provider's account SID. Unset, SMS stay in the outbox. Needs token and sender."
    )
    sms_token: SecretStr | None = Field(None, description="The account's auth token.")
    sms_from: str | None = Field(
        None, description="The number in E.164 form, or the sender id, that SMS come from."
    )
    default_locale: Literal["en", "de"] = Field(
        "en", description="The language of mail and SMS to people of whom none is known."
    )
    capture_outbox: bool = Field(
        False,
        description="Keeps all mail and SMS readable after they were sent, also over HTTP "
        "(`/testing/outbox`). For testers; never in production mode.",
    )
    outbox_retention_days: int = Field(
        30, ge=1, description="How long the outbox remembers that a message was sent, and to whom."
    )

    # --- HTTP ---
    surface_bindings: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        (),
        description="Hosts and ports that belong to one document alone: `auth.example.com=protekt, "
        ":8443=ezkey`, separated by commas. What comes there is answered by that document only. A host, with "
        "or without a port, is compared with the Host header; a port alone is listened on too.",
    )
    strict_bare_paths: bool = Field(
        False,
        description="Whether a sign-in at a path that two documents claim is refused when nothing tells "
        "which one is meant.",
    )
    trusted_proxies: Annotated[tuple[Network, ...] | None, NoDecode] = Field(
        None,
        description="Addresses or CIDRs of proxies whose `X-Forwarded-For` or `Forwarded` is believed, "
        "separated by commas; `none` for no proxy. Production insists on a decision.",
    )
    max_body_bytes: int = Field(65_536, ge=1024, description="The longest request body, in bytes.")
    header_timeout_seconds: float = Field(
        10, gt=0, description="How long a client may take to send its headers."
    )
    body_timeout_seconds: float = Field(10, gt=0, description="How long a client may take to send its body.")
    idle_timeout_seconds: float = Field(
        75, gt=0, description="How long an idle connection is kept open for the next request."
    )
    shutdown_grace_seconds: float = Field(
        20, ge=0, description="How long requests under way may take to finish when the server stops."
    )
    max_waits: int = Field(10_000, ge=1, description="How many requests may wait in one process at one time.")
    max_waits_per_caller: int = Field(
        1_000, ge=1, description="How many requests of one integration or enrollment may wait in one process."
    )
    hot_lane: bool = Field(True, description="Serve the hot routes straight from ASGI; off only to compare.")
    metrics_networks: Annotated[tuple[Network, ...], NoDecode] = Field(
        (ip_network("127.0.0.0/8"), ip_network("::1/128")),
        description="Who may read `/metrics`: addresses or CIDRs, separated by commas.",
    )

    # --- the protocol ---
    bind_segments: Annotated[Literal[10, 12], BeforeValidator(_number)] = Field(
        10, description="How many segments the bind answer signs: 10, or 12 for the newest mobile apps."
    )
    enrollment_ttl_seconds: int = Field(
        604_800,
        ge=60,
        le=31_536_000,
        description="How long an invitation can be bound, unless it says otherwise.",
    )
    attempt_ttl_seconds: int = Field(
        120,
        ge=30,
        le=600,
        description="How long an attempt can be answered, unless its integration says otherwise.",
    )
    challenge_digits: int = Field(
        6, ge=2, le=6, description="Digits of an attempt's challenge, unless its integration says otherwise."
    )
    max_failures: int = Field(
        10, ge=1, le=100, description="Wrong challenges in a row after which an enrollment is locked."
    )
    expire_interval_seconds: float = Field(
        5, gt=0, description="How often the job looks for what has expired without a reader."
    )

    # --- how often (docs/protocol/wire.md, 0.14): count/seconds ---
    limit_pending: str = Field("30/60", description="Polls of one proved enrollment, as count/seconds.")
    limit_respond: str = Field("20/60", description="Answers of one proved enrollment.")
    limit_bind: str = Field("10/300", description="Bind and signed instance-info, together, of one address.")
    limit_verify: str = Field("10/300", description="Verify of one address.")
    limit_unproved: str = Field("30/60", description="Requests of one address whose proof fails.")
    limit_create: str = Field("100/60", description="Attempts created by one integration.")
    limit_wait: str = Field("200/60", description="Wait and cancel, together, of one integration.")
    limit_failed_keys: str = Field("20/60", description="Failed API and operator keys of one address.")
    limit_operator: str = Field("600/60", description="Requests of one operator key or operator.")
    limit_account: str = Field("600/60", description="Account API: requests of one management token.")
    limit_project: str = Field("6000/60", description="Authentication API: requests of one key or user.")
    limit_token: str = Field("30/60", description="Management tokens asked for from one address.")
    limit_pages: str = Field("120/60", description="Pages of mailed links and of single sign-on, by address.")
    limit_public: str = Field("600/60", description="Published keys and CORS preflights, by address.")

    @field_validator("trusted_proxies", "metrics_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.strip().lower() == "none":
            return ()
        return tuple(ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())

    @field_validator("public_base_url", "about_url")
    @classmethod
    def _absolute_url(cls, value: str | None) -> str | None:
        """An https URL, or an http one on a loopback host, without its trailing slashes."""
        if value is None or not value.strip():
            return None
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
        plain = value.isascii() and value.isprintable() and not set(value) & set(" |")
        if (
            not (plain and parts.hostname and (parts.scheme == "https" or local))
            or parts.query
            or parts.fragment
        ):
            raise ValueError("must be an https URL without query or fragment (http only on a loopback host)")
        return value.rstrip("/")

    @field_validator("instance_name", "instance_description")
    @classmethod
    def _signable(cls, value: str | None) -> str | None:
        """The instance's words are signed for phones, and are not the last segment of what is signed."""
        if value is not None and ("|" in value or not is_showable(value, multiline=False)):
            raise ValueError("must not contain '|', control or text-direction characters")
        return value or None

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return value or None

    @field_validator("surface_bindings", mode="before")
    @classmethod
    def _bindings(cls, value: object) -> object:
        """`host=surface`, `:port=surface` or `host:port=surface`, separated by commas, as pairs."""
        if not isinstance(value, str):
            return value
        pairs = [part.strip().lower().partition("=") for part in value.split(",") if part.strip()]
        places = [place.strip() for place, _, _ in pairs]
        if not all(map(_PLACE.fullmatch, places)) or not all(mount.strip() for _, _, mount in pairs):
            raise ValueError("must be host=surface or :port=surface, separated by commas")
        if len(set(places)) < len(places):
            raise ValueError("names a host or port twice")
        return tuple((place, mount.strip()) for place, (_, _, mount) in zip(places, pairs, strict=True))

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            readable = parts.scheme in SMTP_SCHEMES and bool(parts.hostname) and (parts.port or 0) >= 0
        except ValueError:
            readable = False
        if not readable:
            raise ValueError("must be smtp://user:password@host:port (or smtps, smtp+plain)")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        _, address = parseaddr(value)
        name, at, domain = address.rpartition("@")
        if not (value.isprintable() and name and at and domain and domain.isascii()):
            raise ValueError("must be like Countersign <no-reply@example.com>")
        return value

    @field_validator("sms_url")
    @classmethod
    def _provider(cls, value: str) -> str:
        url = cls._absolute_url(value)
        if url is None:
            raise ValueError("must be an https URL")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if not value:
            return None
        try:
            parts = urlsplit(value)
            readable = parts.scheme in REDIS_SCHEMES and (parts.scheme == "unix" or bool(parts.hostname))
            readable = readable and (parts.port or 0) >= 0
        except ValueError:
            readable = False
        if not readable:
            raise ValueError("must be redis://host:port/number (or rediss, valkey, valkeys, unix)")
        return value

    @field_validator(
        "limit_pending",
        "limit_respond",
        "limit_bind",
        "limit_verify",
        "limit_unproved",
        "limit_create",
        "limit_wait",
        "limit_failed_keys",
        "limit_operator",
        "limit_account",
        "limit_project",
        "limit_token",
        "limit_pages",
        "limit_public",
    )
    @classmethod
    def _limit(cls, value: str) -> str:
        count, _, seconds = value.partition("/")
        if not (count.isdigit() and seconds.isdigit() and int(count) > 0 and int(seconds) > 0):
            raise ValueError("must be count/seconds, such as 30/60")
        return value

    @model_validator(mode="after")
    def _sms_is_whole(self) -> Self:
        if self.sms_account and not (self.sms_token and self.sms_from):
            raise ValueError("COUNTERSIGN_SMS_ACCOUNT needs COUNTERSIGN_SMS_TOKEN and COUNTERSIGN_SMS_FROM")
        return self

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if self.mode != "production":
            return self
        if self.movable_clock:
            raise ValueError("COUNTERSIGN_MOVABLE_CLOCK cannot be on in production mode")
        if self.capture_outbox:
            raise ValueError("COUNTERSIGN_CAPTURE_OUTBOX cannot be on in production mode")
        if self.database_url is None:
            raise ValueError("DATABASE_URL must be set in production mode")
        if self.trusted_proxies is None:
            raise ValueError(
                "COUNTERSIGN_TRUSTED_PROXIES must be set in production mode (`none` if there is none)"
            )
        if self.public_base_url is None or not self.public_base_url.startswith("https://"):
            raise ValueError("COUNTERSIGN_PUBLIC_BASE_URL must be an https URL in production mode")
        return self

    @property
    def worker_count(self) -> int:
        """How many processes serve requests: what was said, else one per usable core in production mode."""
        if self.workers is not None:
            return self.workers
        if self.mode != "production":
            return 1
        return min(usable_cores(), MOST_WORKERS)

    @property
    def base_url(self) -> str:
        """Where people and phones reach the instance, without a trailing slash: links in mails begin so."""
        if self.public_base_url is not None:
            return self.public_base_url
        host = "127.0.0.1" if self.host == EVERY_ADDRESS else self.host
        return f"http://{host}:{self.port}"

    @property
    def bound_ports(self) -> tuple[int, ...]:
        """The ports that belong to one document alone."""
        return tuple(int(place[1:]) for place, _ in self.surface_bindings if place.startswith(":"))

    @property
    def key_file(self) -> Path:
        """Where the master keys are."""
        return self.master_key_file or self.data_dir / "master-keys.json"

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The proxies that are believed; none when nothing was said."""
        return self.trusted_proxies or ()


def usable_cores() -> int:
    """How many cores this process may use."""
    # Not every system tells which they are.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"COUNTERSIGN_{field.upper()}"


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment, with *overrides* before them.

    Raises:
        SettingsError: One or more settings are wrong; the text has a line for each.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as refused:
        raise SettingsError(
            "\n".join(_sentence(error["loc"], error["msg"]) for error in refused.errors())
        ) from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    reason = message.removeprefix("Value error, ")
    if not location:
        return f"{reason}."
    name = str(location[0])
    variable = variable_of(name) if name in Settings.model_fields else name
    return f"{variable}: {reason}."
