"""Which passwords are good enough: long enough, and none that would be guessed first.

No rules of composition. Source: NIST SP 800-63B-4, section 3.1.1.2; OWASP ASVS 5.0, section 6.2.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from server.base.errors import InvalidFields
from server.base.secret import Secret
from server.core.credentials.blocklist import is_common, is_made_of
from server.core.credentials.breached import is_breached
from server.core.realms.model import Realm
from server.core.work import Work
from server.crypto.passwords import length_of

MAX_LENGTH = 256

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that somebody chose.

    Args:
        words: What it must not be made of, besides the names of the application and the instance: the e-mail
            address, the phone number.
        field: What the request calls it.
    """

    realm: Realm
    password: Secret
    words: tuple[str, ...] = ()
    field: str = "password"


async def check_password(work: Work, command: NewPassword) -> None:
    """The password is good enough for the realm. No statement is sent; a file may be read, in a thread.

    Raises:
        InvalidFields: It is not; the field's sentence says why.
    """
    fault = await _fault(work, command)
    if fault is not None:
        raise InvalidFields(fields={command.field: fault})


async def _fault(work: Work, command: NewPassword) -> str | None:
    password, length = command.password.reveal(), length_of(command.password)
    least = command.realm.policy.password_min_length
    if length < least:
        return f"must have at least {least} characters"
    if length > MAX_LENGTH:
        return f"must have at most {MAX_LENGTH} characters"
    if is_common(password):
        return "is one of the most common passwords"
    if is_made_of(password, (*command.words, command.realm.app_name, work.settings.instance_name)):
        return "is too close to your email address or the application's name"
    if await _is_breached(work.settings.breached_passwords_file, password):
        return "appears in known data breaches"
    return None


async def _is_breached(path: Path | None, password: str) -> bool:
    """Whether the local set holds it. A set that cannot be read must keep nobody from choosing a password."""
    if path is None:
        return False
    try:
        return await asyncio.to_thread(is_breached, path, password)
    except OSError as cause:
        _log.warning("breached_passwords.cannot_read", cause=repr(cause))
        return False
