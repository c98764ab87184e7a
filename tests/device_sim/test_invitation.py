"""The QR and its text."""

import json
import sys
from pathlib import Path

import pytest
import segno
from PIL import Image

from device_sim.errors import ExtraMissing, InvitationInvalid
from device_sim.invitation import Invitation, checked_base_url
from tests.vectors import WIRE

TOKEN = "az7JQZaRtHpamd_btxLW65_qGbRQsYV1c3XHc5pNj8U.ZntwcU4ONoMsBi0jOqdprQ"
QR = WIRE["qr"]


def text(**members: object) -> str:
    return json.dumps({"enrollmentId": "456", "enrollmentProofToken": TOKEN} | members)


def test_the_vectors_parse() -> None:
    assert Invitation.parse(QR["withAuthUrl"]) == Invitation(456, TOKEN, "https://auth.example.com")
    assert Invitation.parse(QR["withoutAuthUrl"]) == Invitation(456, TOKEN)
    assert Invitation.parse(QR["pipe"]) == Invitation(456, TOKEN)


@pytest.mark.parametrize("qr", QR["rejectedByDemoDevice"])
def test_what_phones_refuse_is_refused(qr: str) -> None:
    with pytest.raises(InvitationInvalid):
        Invitation.parse(qr)


def test_the_number_may_be_a_number_and_unknown_members_are_ignored() -> None:
    assert Invitation.parse(text(enrollmentId=456, colour="blue")).enrollment_id == 456


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "456",
        "[]",
        "{",
        "{" * 100_000,
        "456|",
        "|token",
        f"456|{TOKEN}|more",
        "0|token",
        "-1|token",
        "+1|token",
        "4 56|token",
        "2147483648|token",
        "٤٥٦|token",
        '{"enrollmentId":"1","enrollmentId":"2","enrollmentProofToken":"token"}',
        text(enrollmentId=True),
        text(enrollmentId=1.5),
        text(enrollmentId=None),
        text(enrollmentProofToken=None),
        text(enrollmentProofToken=""),
        text(enrollmentProofToken="to ken"),
        text(enrollmentProofToken="to|ken"),
        text(enrollmentProofToken="tokén"),
        text(authUrl=""),
        text(authUrl=7),
    ],
)
def test_anything_else_is_refused(wrong: str) -> None:
    with pytest.raises(InvitationInvalid):
        Invitation.parse(wrong)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://auth.example.com", "https://auth.example.com"),
        ("https://auth.example.com/", "https://auth.example.com"),
        ("https://auth.example.com:8443/mfa//", "https://auth.example.com:8443/mfa"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://10.0.2.2:8080/", "http://10.0.2.2:8080"),
    ],
)
def test_a_url_loses_its_slashes_and_keeps_its_prefix(url: str, base: str) -> None:
    assert Invitation.parse(text(authUrl=url)).auth_url == base


@pytest.mark.parametrize(
    "url",
    [
        "http://auth.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "http://[::1]:8080",
        "https://user:password@auth.example.com",
        "https://auth.example.com?x=1",
        "https://auth.example.com#x",
        "https://auth.example.com/?",
        "https://",
        "https:///path",
        "https://auth.example.com:99999",
        "https://auth.example.com:0",
        "https://[::1",
        "https://auth.exa\tmple.com",
        "https://auth.example.com/\\evil",
        "https://auth example.com",
        "https://\u0430uth.example.com",
        "ftp://auth.example.com",
        "auth.example.com",
        "//auth.example.com",
        "javascript:alert(1)",
    ],
)
def test_a_url_that_no_phone_would_use_is_refused(url: str) -> None:
    with pytest.raises(InvitationInvalid):
        Invitation.parse(text(authUrl=url))


def test_a_tester_may_name_the_ipv6_loopback() -> None:
    assert checked_base_url("http://[::1]:8080/") == "http://[::1]:8080"


def test_a_token_does_not_show_itself() -> None:
    assert TOKEN not in repr(Invitation.parse(QR["pipe"]))


def test_a_qr_on_a_png_reads_as_its_text(tmp_path: Path) -> None:
    picture = tmp_path / "qr.png"
    segno.make(QR["withAuthUrl"], error="m").save(str(picture), scale=5)

    assert Invitation.from_png(picture) == Invitation.parse(QR["withAuthUrl"])


def test_a_picture_without_a_qr_code_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "white.png"
    Image.new("L", (200, 200), 255).save(picture)

    with pytest.raises(InvitationInvalid, match="0 QR codes"):
        Invitation.from_png(picture)


def test_a_qr_code_of_something_else_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "qr.png"
    segno.make("https://example.com/").save(str(picture), scale=5)

    with pytest.raises(InvitationInvalid):
        Invitation.from_png(picture)


def test_a_file_that_is_no_png_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "qr.png"
    picture.write_text("not a picture")

    for path in (picture, tmp_path / "missing.png", tmp_path):
        with pytest.raises(InvitationInvalid, match="cannot be read"):
            Invitation.from_png(path)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zxingcpp", None)

    with pytest.raises(ExtraMissing, match=r"countersign-server\[device\]"):
        Invitation.from_png("qr.png")
