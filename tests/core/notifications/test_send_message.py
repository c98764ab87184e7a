from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from server.base.secret import Secret
from server.core.notifications.actions import send_message
from server.core.notifications.catalogue import CATALOGUE
from server.core.notifications.model import OUTBOX_TOPIC, Channel, Message, MessageStatus
from server.core.notifications.own_templates import SetTemplate, set_template
from server.core.notifications.rehearsal import SAMPLES
from server.core.realms.model import Realm
from server.core.work import Work
from tests.core.notifications.messages import EVA, LINK, NUMBER, TOKEN, a_code, a_link, carrying, newest
from tests.support.work import some_settings


async def test_without_a_relay_a_message_is_kept_to_be_read(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))

    message = await newest(work)
    assert (message.status, message.due_at, message.tries) == (MessageStatus.KEPT, None, 0)
    assert (message.channel, message.recipient, message.template) == (Channel.MAIL, EVA, "magic_link")
    assert (message.realm_id, message.created_at) == (realm.id, work.now)
    assert message.content is not None
    assert message.content.subject == "Your sign-in link"
    assert LINK in message.content.text
    assert "15 minutes" in message.content.text
    assert message.content.html is not None
    assert LINK in message.content.html
    assert work.wakes == []


async def test_with_a_relay_it_is_due_at_once(work: Work, realm: Realm) -> None:
    work.settings = carrying()

    await send_message(work, a_link(realm))

    message = await newest(work)
    assert (message.status, message.due_at) == (MessageStatus.PENDING, work.now)
    assert work.wakes == [OUTBOX_TOPIC]


async def test_each_channel_has_its_own_carrier(work: Work, realm: Realm) -> None:
    work.settings = some_settings(smtp_url="smtp+plain://127.0.0.1:1")

    await send_message(work, a_code(realm))

    message = await newest(work)
    assert (message.status, message.recipient) == (MessageStatus.KEPT, NUMBER)
    assert message.content is not None
    assert message.content.text == "042137 is your code for Acme. It works for 10 minutes. Tell it to nobody."
    assert (message.content.subject, message.content.html) == (None, None)


async def test_what_a_message_says_is_sealed(work: Work, realm: Realm) -> None:
    await send_message(work, a_link(realm))

    row = await work.conn.fetchrow("SELECT * FROM outbox_messages ORDER BY seq DESC LIMIT 1")
    assert row is not None
    for value in row.values():
        assert TOKEN not in str(value)
    assert TOKEN.encode() not in row["content_sealed"]


async def test_nothing_of_it_is_logged_shown_or_audited(work: Work, realm: Realm) -> None:
    with capture_logs() as logs:
        await send_message(work, a_link(realm))

    assert TOKEN not in str(logs)
    assert TOKEN not in repr(await newest(work))
    assert TOKEN not in repr(a_link(realm))
    assert work.events == []


@pytest.mark.parametrize("name", CATALOGUE)
async def test_every_message_of_the_catalogue_can_be_sent(work: Work, realm: Realm, name: str) -> None:
    template = CATALOGUE[name]
    for channel in template.channels:
        values: dict[str, str | Secret] = {value: SAMPLES[value] for value in template.needs}
        await send_message(work, Message(channel, EVA, name, realm, None, values))

        message = await newest(work)
        assert (message.template, message.channel) == (name, channel)


@pytest.mark.parametrize(
    ("channel", "name", "values"),
    [
        (Channel.MAIL, "magic_link", {"link": LINK}),
        (Channel.MAIL, "magic_link", {"link": LINK, "minutes": "15", "code": "1"}),
        (Channel.SMS, "magic_link", {"link": LINK, "minutes": "15"}),
        (Channel.MAIL, "no_such_message", {}),
    ],
)
async def test_a_message_that_cannot_be_written_is_a_mistake_of_ours(
    work: Work, realm: Realm, channel: Channel, name: str, values: dict[str, str | Secret]
) -> None:
    with pytest.raises(ValueError, match=name):
        await send_message(work, Message(channel, EVA, name, realm, None, values))


# --- languages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_recipient", "of_realm", "of_instance", "said"),
    [
        (None, None, "en", "en"),
        (None, None, "de", "de"),
        (None, "de", "en", "de"),
        ("de", None, "en", "de"),
        ("de-AT", None, "en", "de"),
        ("de_CH", "en", "en", "de"),
        ("DE", None, "en", "de"),
        ("en-GB", "de", "de", "en"),
        ("fr", "de", "en", "de"),
        ("fr-CA", None, "de", "de"),
        ("", None, "de", "de"),
        ("tlh", "tlh", "en", "en"),
    ],
)
async def test_the_first_language_wins_that_the_product_speaks(
    work: Work, realm: Realm, of_recipient: str | None, of_realm: str | None, of_instance: str, said: str
) -> None:
    work.settings = some_settings(default_locale=of_instance)
    realm = replace(realm, policy=replace(realm.policy, default_locale=of_realm))

    await send_message(work, a_link(realm, locale=of_recipient))

    message = await newest(work)
    assert message.content is not None
    assert message.locale == said
    assert message.content.subject == {"en": "Your sign-in link", "de": "Ihr Anmelde-Link"}[said]


async def own_link(work: Work, realm: Realm, locale: str, text: str = "{{ link }} ({{ duration }})") -> None:
    """The realm words magic links itself in this language."""
    subject = f"{locale}: {{{{ app_name }}}}"
    await set_template(work, SetTemplate(realm.id, Channel.MAIL, "magic_link", locale, subject, text))


async def test_a_realm_s_own_words_come_first_in_their_language(work: Work, realm: Realm) -> None:
    await own_link(work, realm, "de")

    await send_message(work, a_link(realm, locale="de"))
    german = await newest(work)
    await send_message(work, a_link(realm, locale="en"))
    english = await newest(work)

    assert german.content is not None
    assert (german.content.subject, german.content.html) == ("de: Acme", None)
    assert german.content.text == f"{LINK} (15 Minuten)\n"
    assert english.content is not None
    assert english.content.subject == "Your sign-in link"


async def test_a_realm_can_speak_a_language_of_its_own(work: Work, realm: Realm) -> None:
    await own_link(work, realm, "fr")
    await own_link(work, realm, "fr-CA")

    said = []
    for locale in ("fr", "fr-BE", "fr_CA"):
        await send_message(work, a_link(realm, locale=locale))
        said.append((await newest(work)).locale)

    assert said == ["fr", "fr", "fr-ca"]


async def test_other_realms_and_other_messages_are_worded_as_ever(work: Work, realm: Realm) -> None:
    await own_link(work, realm, "en")
    other = await work.conn.fetchval("SELECT id FROM realms WHERE name = 'platform'")

    await send_message(work, a_link(replace(realm, id=other)))
    message = await newest(work)
    await send_message(work, replace(a_link(realm), template="reset_password"))
    reset = await newest(work)

    assert message.content is not None
    assert message.content.subject == "Your sign-in link"
    assert reset.content is not None
    assert reset.content.subject == "Reset your password"


async def test_own_words_that_cannot_be_used_are_passed_over(work: Work, realm: Realm) -> None:
    """They were good when they were set; a later version may have taken a value away."""
    await own_link(work, realm, "en")
    await work.conn.execute(
        "UPDATE message_templates SET text_body = '{{ gone }}' WHERE realm_id = $1", realm.id
    )

    with capture_logs() as logs:
        await send_message(work, a_link(realm))

    message = await newest(work)
    assert message.content is not None
    assert message.content.subject == "Your sign-in link"
    assert [(log["event"], log["template"]) for log in logs] == [("template.refused", "magic_link")]
