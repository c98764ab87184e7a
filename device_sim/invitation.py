"""The enrollment QR: which enrollment, its proof token, and where the server is.

Source: docs/protocol/wire.md, section 3.3; vectors in tests/vectors/wire.json, `qr`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from device_sim.errors import ExtraMissing, InvitationInvalid

MAX_ID = 2**31 - 1
PHONES_PLAIN_HTTP_HOSTS = frozenset({"localhost", "127.0.0.1", "10.0.2.2"})
"""Where a phone speaks http: itself, and the host as an Android emulator sees it."""

_ID = re.compile(r"[1-9][0-9]{0,9}")
_TOKEN = re.compile(r"[!-{}~]{1,512}")  # printable ASCII without space and `|`


@dataclass(frozen=True, slots=True)
class Invitation:
    """An enrollment that waits for its device."""

    enrollment_id: int
    proof_token: str = field(repr=False)
    auth_url: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The invitation that *text* is: the QR's JSON, or `id|token`.

        Members that are not known are ignored. The URL comes out without its trailing slashes.

        Raises:
            InvitationInvalid: It is neither form, or `authUrl` is null, not https (plain http only on
                localhost, 127.0.0.1 and 10.0.2.2), or more than a base URL.
        """
        text = text.strip()
        if not text.startswith("{"):
            identifier, separator, token = text.partition("|")
            if not separator:
                raise InvitationInvalid("An invitation is JSON or `id|token`, and this is neither")
            return cls(_enrollment_id(identifier), _proof_token(token))

        members = _members(text)
        return cls(
            _enrollment_id(members.get("enrollmentId")),
            _proof_token(members.get("enrollmentProofToken")),
            _auth_url(members["authUrl"]) if "authUrl" in members else None,
        )

    @classmethod
    def from_png(cls, path: Path | str) -> Self:
        """The invitation in the QR code on a PNG picture.

        Raises:
            InvitationInvalid: The file cannot be read as PNG, or has no QR code, several, or another one.
            ExtraMissing: Pillow or zxing-cpp is not installed.
        """
        texts = _qr_texts(Path(path))
        if len(texts) != 1:
            raise InvitationInvalid(f"{path} shows {len(texts)} QR codes; one is needed")
        return cls.parse(texts[0])


def checked_base_url(
    text: str, *, plain_http_hosts: frozenset[str] = PHONES_PLAIN_HTTP_HOSTS | {"::1"}
) -> str:
    """*text* without trailing slashes, as the base to append `/api/v1/…` to. A path prefix is kept.

    Raises:
        InvitationInvalid: It is not an https URL (or an http one of these hosts), or carries a user,
            a query, a fragment, white space or control characters.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvitationInvalid("The server's URL cannot be read") from error
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise InvitationInvalid("The server's URL contains characters that do not belong there")
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        raise InvitationInvalid("The server's URL is not an absolute https URL")
    if parts.scheme == "http" and host not in plain_http_hosts:
        raise InvitationInvalid(
            f"The server's URL is http; phones take https, or http on {', '.join(sorted(plain_http_hosts))}"
        )
    if parts.username is not None or "?" in text or "#" in text:
        raise InvitationInvalid("The server's URL has a user, a query or a fragment")
    return text.rstrip("/")


def _members(text: str) -> Mapping[str, object]:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise InvitationInvalid("The invitation says a member twice")
        return members

    try:
        members: object = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise InvitationInvalid("The invitation is not JSON") from error
    if not isinstance(members, dict):
        raise InvitationInvalid("The invitation is not a JSON object")
    return members


def _enrollment_id(value: object) -> int:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _ID.fullmatch(text) or int(text) > MAX_ID:
        raise InvitationInvalid("The invitation's enrollmentId is not a positive number of 31 bits")
    return int(text)


def _proof_token(value: object) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise InvitationInvalid("The invitation's enrollmentProofToken is not a token")
    return value


def _auth_url(value: object) -> str:
    if not isinstance(value, str):
        raise InvitationInvalid("The invitation's authUrl is not a text; when unset it is left out")
    return checked_base_url(value, plain_http_hosts=PHONES_PLAIN_HTTP_HOSTS)


def _qr_texts(path: Path) -> list[str]:
    try:
        import zxingcpp  # noqa: PLC0415 - an optional extra; the simulator works without pictures
        from PIL import Image  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise ExtraMissing(
            "Reading a QR from a picture needs Pillow and zxing-cpp: pip install 'countersign-server[device]'"
        ) from error
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            codes = zxingcpp.read_barcodes(
                picture.convert("L"), zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvitationInvalid(f"{path} cannot be read as a PNG picture") from error
    return [code.text for code in codes]
