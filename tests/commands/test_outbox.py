import json
from pathlib import Path

import pytest

from server.commands.performing import perform
from server.core.notifications.actions import send_message
from server.core.notifications.catalogue import CATALOGUE
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.work import Work
from tests.commands.conftest import Run
from tests.core.notifications.messages import LINK, NUMBER, a_code, a_link
from tests.support.factories import a_name


@pytest.fixture
def address(run: Run) -> str:
    """An address that got a mail, and nothing else ever."""
    to = f"{a_name('eva').replace(' ', '-').lower()}@example.com"

    async def act(work: Work, _: None) -> None:
        realm = await read_named_realm(work, RealmName.ACCOUNTS)
        await send_message(work, a_code(realm))
        await send_message(work, a_link(realm, to=to))

    perform(act, None)
    return to


def test_mail_and_sms_are_shown_whole_the_newest_last(run: Run, address: str) -> None:
    shown = run("outbox", "--limit", 2).out

    sms, mail = shown.split("── ")[1:]
    assert f"sms to {NUMBER}: sms_code (en), kept" in sms
    assert "042137 is your code" in sms
    assert f"mail to {address}: magic_link (en), kept" in mail
    assert "Your sign-in link\n" in mail
    assert LINK in mail


def test_one_address_s_messages_are_the_body_of_the_http_api(run: Run, address: str) -> None:
    (message,) = run("outbox", "--to", address.upper(), "--json").json()["messages"]

    assert (message["to"], message["subject"]) == (address, "Your sign-in link")
    assert LINK in message["text"]
    assert run("outbox", "--to", f"nobody.{address}").out == "There is no message.\n"


def test_messages_are_followed(run: Run, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until somebody presses Ctrl-C: here, after the second look."""
    slept: list[float] = []

    async def press(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("server.commands.outbox.asyncio.sleep", press)

    followed = run("outbox", "--to", address, "--follow", "--json")

    assert followed.exit_code == 0
    assert [json.loads(line)["to"] for line in followed.out.splitlines()] == [address]


def test_a_realm_words_a_message_itself(run: Run, tmp_path: Path) -> None:
    text, html = tmp_path / "text", tmp_path / "html"
    text.write_text("Bonjour, voici votre lien : {{ link }}", encoding="utf-8")
    html.write_text("<p><a href='{{ link }}'>{{ app_name }}</a></p>", encoding="utf-8")
    place = ("protekt-accounts", "magic_link", "fr")
    parts = ("--subject", "Votre lien", "--text-file", text, "--html-file", html)

    made = run("admin", "templates", "set", *place, *parts, "--json").json()
    shown = run("admin", "templates", "show", *place, "--json").json()
    listed = run("admin", "templates", "list", "protekt-accounts", "--json").json()
    told = run("admin", "templates", "list", "protekt-accounts").out
    removed = run("admin", "templates", "remove", *place)

    assert (made["template"], made["channel"], made["locale"]) == ("magic_link", "mail", "fr")
    assert made == shown
    assert made in listed["templates"]
    assert "Votre lien" in told
    assert "is worded by the product" in removed.out
    assert run("admin", "templates", "show", *place).err == "countersign: No such message template.\n"
    assert run("admin", "templates", "remove", *place).exit_code == 1


def test_a_wording_that_cannot_be_used_is_refused_with_its_line(run: Run, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("Hello\n{{ lnik }}", encoding="utf-8")
    place = ("protekt-accounts", "magic_link", "en", "--subject", "s")

    refused = run("admin", "templates", "set", *place, "--text-file", text)

    assert refused.exit_code == 1
    assert "text line 2: there is no value 'lnik'" in refused.err
    assert run("admin", "templates", "set", *place, "--text-file", tmp_path / "none").exit_code == 2
    unknown = run("admin", "templates", "set", "nobody", *place[1:], "--text-file", text)
    assert (unknown.exit_code, unknown.err) == (1, "countersign: No such realm.\n")


def test_the_messages_that_there_are_can_be_listed(run: Run) -> None:
    names = run("admin", "templates", "names").out.splitlines()

    assert "sms_code           sms   app_name at code duration minutes" in names
    assert len(names) == sum(len(template.channels) for template in CATALOGUE.values())
