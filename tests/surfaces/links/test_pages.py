"""What every page is: one document, which runs no script, loads nothing, and can be used without eyes."""

import re
from base64 import b64encode
from dataclasses import fields
from hashlib import sha256
from html.parser import HTMLParser

import httpx2
import pytest

from server.surfaces.links.pages import STYLE, Field, Form, Page, html_of
from server.surfaces.links.words import ENGLISH, GERMAN, LANGUAGES, words_for
from tests.support.accounts import an_email
from tests.support.backend import Backend
from tests.support.product import Product

VOID = {"meta", "input", "br"}


class Reader(HTMLParser):
    """Whatever stands in a document; a tag that is not closed, or nested wrongly, is an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One more."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """One less."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """A text."""
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.tags if name == tag]


async def some_pages(app: Backend) -> list[httpx2.Response]:
    """A page of each kind, and refusals."""
    jane = await app.somebody(send_verification=True)
    await app.post("password/reset", email=jane.email)
    await app.post("magic-link/send", email=jane.email)
    paths = {
        letter.template: f"/links/{letter.link.rsplit('/', 1)[1]}" for letter in await app.letters(jane.email)
    }
    assert set(paths) == {"verify_email", "reset_password", "magic_link"}
    others = ["/links/magic?token=x", "/links/invitation?token=x", "/links/nothing", "/links/magic"]
    return [await app.product.http.get(path) for path in (*paths.values(), *others)]


async def test_pages_are_whole_documents_with_a_title_and_a_heading(app: Backend) -> None:
    for answer in await some_pages(app):
        page = Reader(answer.text)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.text.startswith("<!doctype html>\n")
        assert page.all("html") == [{"lang": "en"}]
        assert len(page.all("title")) == len(page.all("h1")) == len(page.all("main")) == 1
        assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")


async def test_pages_run_nothing_and_load_nothing(app: Backend) -> None:
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    for answer in await some_pages(app):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert f"style-src 'sha256-{digest}'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert f"<style>{STYLE}</style>" in answer.text
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Surface"] == "links"
        tags = {tag for tag, _ in Reader(answer.text).tags}
        assert tags.isdisjoint({"script", "img", "link", "iframe", "object"})
        assert not re.search(r"\son\w+=|\bstyle=", answer.text)


async def test_every_field_has_a_label_and_every_form_one_button(app: Backend) -> None:
    forms = 0
    for answer in await some_pages(app):
        page = Reader(answer.text)
        shown = [field for field in page.all("input") if field.get("type") != "hidden"]
        assert {label["for"] for label in page.all("label")} == {field["id"] for field in shown}
        assert all(field.get("autocomplete") for field in shown)
        assert len(page.all("button")) == len(page.all("form"))
        forms += len(page.all("form"))
    assert forms == 3


async def test_pages_are_in_the_readers_language(app: Backend) -> None:
    email = an_email()
    await app.post("magic-link/send", email=email)
    path = f"/links/{(await app.letter(email)).link.rsplit('/', 1)[1]}"

    german = await app.product.http.get(path, headers={"Accept-Language": "de-AT, en;q=0.5"})
    refused = await app.product.http.get("/links/magic?token=x", headers={"Accept-Language": "de"})

    assert Reader(german.text).all("html") == [{"lang": "de"}]
    assert GERMAN.sign_in_button in german.text
    assert GERMAN.refused["link_unknown"][0] in refused.text


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("DE-ch", "de"),
        ("fr, de;q=0.8, en;q=0.7", "de"),
        ("en, de", "en"),
        ("en;q=0.1, de;q=0.2", "de"),
        ("de;q=0, en", "en"),
        ("de;q=0", "en"),
        ("*", "en"),
        ("de;q=x", "en"),
        ("," * 1000 + "de", "en"),
    ],
)
def test_the_language_is_the_one_that_is_liked_best(header: str | None, lang: str) -> None:
    assert words_for(header).lang == lang


def test_every_language_says_everything() -> None:
    for words in LANGUAGES:
        assert words.refused.keys() == ENGLISH.refused.keys()
        assert words.faults.keys() == ENGLISH.faults.keys()
        assert words.roles.keys() == ENGLISH.roles.keys()
        for field in fields(words):
            said, english = getattr(words, field.name), getattr(ENGLISH, field.name)
            if isinstance(said, str):
                assert said
                assert set(re.findall(r"\{\w+\}", said)) == set(re.findall(r"\{\w+\}", english))


def test_a_fault_that_no_language_knows_is_told_as_it_is() -> None:
    assert GERMAN.fault("must have at least 12 characters") == "Das Passwort braucht mindestens 12 Zeichen."
    assert GERMAN.fault("was seen in the year 1999") == "was seen in the year 1999"


def test_nothing_that_is_shown_can_speak_to_the_browser() -> None:
    evil = """</p><script>alert("x")</script>&'"""
    page = Page(
        "en",
        evil,
        (evil,),
        app_name=evil,
        form=Form("x", evil, evil, (Field("email", evil, "email", "username", evil),), evil),
        onward=(evil, "https://example.com/?a=b&c=\"'<>"),
    )

    read = Reader(html_of(page))

    assert read.all("script") == []
    assert read.texts.count(evil) == 8
    assert [field["value"] for field in read.all("input")] == [evil, evil]
    assert [link["href"] for link in read.all("a")] == ["https://example.com/?a=b&c=\"'<>"]


async def test_pages_are_there_under_every_documents_prefix(product: Product) -> None:
    for prefix in ("", "/s/links", "/s/protekt"):
        answer = await product.http.get(f"{prefix}/links/magic?token=x")
        assert (answer.status_code, answer.headers["X-Surface"]) == (404, "links")
