from dataclasses import replace

import pytest

from server.base.errors import InvalidFields, MessageTemplateNotFound
from server.core.notifications.model import Channel
from server.core.notifications.own_templates import (
    RemoveTemplate,
    SetTemplate,
    list_templates,
    remove_template,
    set_template,
)
from server.core.realms.model import Realm
from server.core.work import Work
from tests.support.work import event_names, later


def a_wording(realm: Realm, **other: object) -> SetTemplate:
    """A wording of magic links, in German."""
    wording = SetTemplate(
        realm.id, Channel.MAIL, "magic_link", "de", "Link", "Link: {{ link }}", "<p>{{ link }}</p>"
    )
    return replace(wording, **other)  # type: ignore[arg-type]  # each test names its own


async def test_a_wording_is_set_changed_and_removed(work: Work, realm: Realm) -> None:
    first = await set_template(work, a_wording(realm))
    changed = await set_template(later(work, seconds=1), a_wording(realm, subject="Ihr Link"))

    assert (first.locale, first.subject, first.updated_at) == ("de", "Link", work.now)
    assert await list_templates(work, realm.id) == (changed,)
    await remove_template(work, RemoveTemplate(realm.id, Channel.MAIL, "magic_link", "DE"))
    assert await list_templates(work, realm.id) == ()
    assert event_names(work) == ["message_template.set", "message_template.removed"]
    assert work.events[0].data == {"template": "magic_link", "channel": "mail", "locale": "de"}
    assert work.events[0].realm_id == realm.id


async def test_the_same_wording_again_leaves_no_event(work: Work, realm: Realm) -> None:
    first = await set_template(work, a_wording(realm))

    again = later(work, seconds=1)
    assert await set_template(again, a_wording(realm, locale="DE")) == first

    assert again.events == []


async def test_channels_and_languages_have_their_own(work: Work, realm: Realm) -> None:
    sms = a_wording(
        realm, channel=Channel.SMS, template="sign_in_code", subject=None, html=None, text="{{ code }}"
    )
    mail = a_wording(realm, template="sign_in_code", locale="pt_BR", text="{{ code }}", html=None)
    await set_template(work, mail)
    await set_template(work, sms)
    await set_template(work, a_wording(realm))

    owns = await list_templates(work, realm.id)

    assert [(own.template, own.channel, own.locale) for own in owns] == [
        ("magic_link", "mail", "de"),
        ("sign_in_code", "mail", "pt-br"),
        ("sign_in_code", "sms", "de"),
    ]
    other = await work.conn.fetchval("SELECT id FROM realms WHERE name = 'platform'")
    assert await list_templates(work, other) == ()


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"locale": "deutsch!"}, "locale"),
        ({"locale": "d"}, "locale"),
        ({"subject": None}, "subject"),
        ({"subject": "{{ code }}"}, "subject"),
        ({"text": "{{ link.__class__ }}"}, "text"),
        ({"text": ""}, "text"),
        ({"html": "{% for c in link %}{% endfor %}"}, "html"),
        ({"channel": Channel.SMS, "template": "sms_code", "text": "{{ code }}"}, "text"),
        ({"channel": Channel.SMS, "template": "sms_code", "subject": None, "text": "{{ code }}"}, "text"),
    ],
)
async def test_a_wording_that_could_not_be_used_is_refused(
    work: Work, realm: Realm, other: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await set_template(work, a_wording(realm, **other))

    assert set(refused.value.fields) == {field}
    assert await list_templates(work, realm.id) == ()


@pytest.mark.parametrize(
    "other", [{"template": "no_such_message"}, {"channel": Channel.SMS}, {"template": "sms_code"}]
)
async def test_there_is_nothing_to_word_but_the_product_s_messages(
    work: Work, realm: Realm, other: dict[str, object]
) -> None:
    with pytest.raises(MessageTemplateNotFound):
        await set_template(work, a_wording(realm, **other))


async def test_what_is_not_there_cannot_be_removed(work: Work, realm: Realm) -> None:
    await set_template(work, a_wording(realm))

    with pytest.raises(MessageTemplateNotFound):
        await remove_template(work, RemoveTemplate(realm.id, Channel.MAIL, "magic_link", "en"))
