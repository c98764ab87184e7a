"""What messages say: the product's own templates, and what a realm's may do."""

import re
from html.parser import HTMLParser

import pytest

from server.core.notifications.rehearsal import Rehearsed, rehearse
from server.outbound.rendering import TemplateRefused, check_own, render_mail, render_own

KNOWN = frozenset({"app_name", "link", "code", "duration", "role"})
VALUES = {
    "app_name": "Acme",
    "link": "https://id.example/links/x?token=t&a=b",
    "code": "042137",
    "duration": "15 minutes",
    "role": "",
}

# GSM 03.38's basic alphabet, of which 160 characters are one segment.
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
SEGMENT = 160


class Page(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element begins."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Some text."""
        self.text += data


def mails(**changed: str) -> list[Rehearsed]:
    """Every mail in every language."""
    return [each for each in rehearse(**changed) if each.content.subject is not None]


# --- the product's own -----------------------------------------------------------------------------


def test_every_message_is_said_in_both_languages() -> None:
    said = {(each.template, each.channel, each.locale) for each in rehearse()}

    assert {locale for _, _, locale in said} == {"en", "de"}
    assert len(said) == 2 * len({(template, channel) for template, channel, _ in said})


def test_a_translation_is_one() -> None:
    said: dict[tuple[str, str, bool], set[str]] = {}
    for each in rehearse():
        said.setdefault((each.template, each.channel, each.whole), set()).add(each.content.text)

    assert all(len(texts) == 2 for texts in said.values())


@pytest.mark.parametrize("value", ["link", "code"])
def test_whoever_reads_either_form_has_the_link_or_the_code(value: str) -> None:
    sample = {"link": "https://id.example.com/links/example?token=T0ken", "code": "918273"}[value]
    for each in rehearse(link="https://id.example.com/links/example?token=T0ken", code="918273"):
        if sample in each.content.text and each.content.html is not None:
            assert sample in Page(each.content.html).text, each.template
        if each.content.html is not None and sample in each.content.html:
            assert sample in each.content.text, each.template


def test_a_code_is_in_no_subject() -> None:
    """Subjects are in the logs of relays."""
    assert not any(each.content.subject and "042137" in each.content.subject for each in rehearse())


def test_every_message_names_its_application() -> None:
    for each in rehearse(app_name="Acme Shop"):
        assert "Acme Shop" in each.content.text, each.template


def test_notices_say_what_to_do_if_it_was_not_you() -> None:
    for each in mails():
        if each.template in {
            "email_changed",
            "password_changed",
            "factor_added",
            "factor_removed",
            "recovery_code_used",
            "identity_linked",
        }:
            assert re.search("was not you|das nicht waren", each.content.text), each.template
            assert ("https://" in each.content.text) == each.whole


def test_an_sms_is_one_segment() -> None:
    for each in rehearse(app_name="Ein Laden mit einem ziemlich langen Namen"):
        if each.content.subject is None:
            assert set(each.content.text) <= GSM, each.template
            assert len(each.content.text) <= SEGMENT, each.template
            assert "\n" not in each.content.text
            assert each.content.text.startswith("042137 ")


def test_a_mail_in_html_fetches_nothing_and_names_its_language() -> None:
    for each in mails():
        assert each.content.html is not None
        page = Page(each.content.html)
        tags = {tag for tag, _ in page.elements}
        assert ("html", {"lang": each.locale}) in page.elements
        assert not tags & {"img", "script", "link", "style", "iframe", "form", "object"}, each.template
        assert "url(" not in each.content.html
        assert [attributes["href"] for tag, attributes in page.elements if tag == "a"] in (
            [],
            ["https://id.example.com/links/example?token=example"] * 2,
        )
        assert sum(tag == "h1" for tag, _ in page.elements) == 1


def test_values_are_text_in_html() -> None:
    hostile = '<script>alert(1)</script>"><img src=x>'
    for each in mails(app_name=hostile, organization=hostile, inviter=hostile, role=hostile, link=hostile):
        assert each.content.html is not None
        assert {tag for tag, _ in Page(each.content.html).elements} <= {
            "html", "head", "meta", "title", "body", "main", "h1", "p", "a", "br",
        }, each.template  # fmt: skip


def test_no_value_makes_a_line_or_a_header() -> None:
    two_lines = "Acme\r\nBcc: mallory@example.com\u2028\u202eX"
    for each in rehearse(app_name=two_lines, organization=two_lines):
        subject, text = each.content.subject, each.content.text
        assert subject is None or subject.isprintable(), each.template
        assert "\nBcc" not in text
        assert not set(text) & set("\r\u2028\u202e")


def test_a_value_that_is_missing_is_not_left_out() -> None:
    with pytest.raises(Exception, match="'link' is undefined"):
        render_mail("en", "magic_link", {"app_name": "Acme", "duration": "15 minutes"})


# --- a realm's -------------------------------------------------------------------------------------


def test_a_realm_words_a_mail_itself() -> None:
    parts = (
        "  {{ app_name|upper }}:\n your link ",
        "Hello{% if role %}, {{ role }}{% else %}!{% endif %}\n{{ link }}\n",
        "<p title='{{ app_name }}'>{{ link }}</p>",
    )
    check_own(*parts, KNOWN)

    content = render_own(*parts, VALUES | {"app_name": "<Acme's>"})

    assert content.subject == "<ACME'S>: your link"
    assert content.text == "Hello!\nhttps://id.example/links/x?token=t&a=b\n"
    assert content.html == ("<p title='&lt;Acme&#39;s&gt;'>https://id.example/links/x?token=t&amp;a=b</p>\n")


def test_a_realm_words_an_sms_itself() -> None:
    check_own(None, "{{ code }} {{ app_name }}", None, KNOWN)

    content = render_own(None, "{{ code }} {{ app_name }}\n", None, VALUES)

    assert (content.subject, content.text, content.html) == (None, "042137 Acme", None)


@pytest.mark.parametrize(
    "source",
    [
        "{{ app_name.__class__ }}",
        "{{ app_name['__class__'] }}",
        "{{ app_name|attr('__class__') }}",
        "{{ app_name.upper() }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ self }}",
        "{{ self.__init__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ range(1000000000) }}",
        "{% for n in range(1000000) %}x{% endfor %}",
        "{% for c in app_name %}{{ c }}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ 'x' ~ 'x' }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ app_name|center(1000000000) }}",
        "{{ link|safe }}",
        "{{ app_name|map('upper') }}",
        "{{ [1, 2] }}",
        "{{ {'a': 1} }}",
        "{% set x = 1 %}{{ x }}",
        "{% include 'layout.html' %}",
        "{% extends 'layout.html' %}",
        "{% import 'layout.html' as x %}",
        "{% macro m() %}{% endmacro %}",
        "{% block b %}{% endblock %}",
        "{% filter upper %}x{% endfilter %}",
        "{% autoescape false %}{{ app_name }}{% endautoescape %}",
        "{% raw %}{{ x }}",
        "{{ undefined_value }}",
        "{{ subject }}",
        "{{ lang }}",
        "{{ code",
        "{% if code %}",
        "{{ app_name is defined }}",
        "{{ app_name < 3 }}",
        "{{ app_name|upper(1, 2) }}",
        "{{ " + "(" * 5000 + "code" + ")" * 5000 + " }}",
        "{{ code" + "|upper" * 20_000 + " }}",
        "x" * 100_001,
    ],
    ids=lambda source: source[:40],
)
@pytest.mark.parametrize("part", ["subject", "text", "html"])
def test_a_realm_can_show_values_and_nothing_else(source: str, part: str) -> None:
    parts = {"subject": "s", "text": "t", "html": "h", part: source}

    with pytest.raises(TemplateRefused) as refused:
        check_own(parts["subject"], parts["text"], parts["html"], KNOWN)

    assert refused.value.part == part


@pytest.mark.parametrize("source", ["", "  \n", "{% if role %}{% endif %}", "{# nothing #}"])
@pytest.mark.parametrize("part", ["subject", "text"])
def test_a_message_says_something(source: str, part: str) -> None:
    parts = {"subject": "s", "text": "t", part: source}

    with pytest.raises(TemplateRefused, match="says nothing"):
        check_own(parts["subject"], parts["text"], None, KNOWN)


def test_what_was_not_checked_still_runs_in_the_sandbox() -> None:
    """The language is checked when a template is set; should it change, the sandbox holds."""
    for source in ("{{ app_name.__class__ }}", "{{ app_name.upper() }}", "{{ range(3) }}", "{{ nothing }}"):
        with pytest.raises(TemplateRefused):
            render_own(None, source, None, VALUES)


def test_where_a_fault_is_is_told() -> None:
    with pytest.raises(TemplateRefused, match=r"text: line 3: there is no value 'nmae', but app_name, code"):
        check_own("s", "a\nb\n{{ nmae }}", None, KNOWN)
    with pytest.raises(TemplateRefused, match=r"html: line 2: "):
        check_own("s", "t", "a\n{% endif %}", KNOWN)
