"""The surface, how it refuses, and what its routes read."""

from dataclasses import replace

from pydantic import Field

from server.base.errors import AppError, Kind
from server.surfaces.kit.body import SnakeQuery
from server.surfaces.kit.dialect import STATUS_OF, Dialect
from server.surfaces.kit.exchange import Exchange, Response, current_exchange
from server.surfaces.kit.replying import HTML
from server.surfaces.kit.surface import Surface
from server.surfaces.links.pages import Page, html_of
from server.surfaces.links.words import ENGLISH, Words, words_for

MAX_TOKEN_CHARACTERS = 256


def refusal_page(code: str, words: Words) -> Page:
    """What a person is told instead of an error."""
    title, sentence = words.refused.get(code, words.refused_otherwise)
    return Page(words.lang, title, (sentence,))


class PageDialect(Dialect):
    """Every refusal is a page, in the language of whoever reads it."""

    def refuse(self, error: AppError, exchange: Exchange) -> Response:
        """*error* as a page."""
        plain = Dialect.refuse(self, error, exchange)
        shown = refusal_page(error.code, words_for(exchange.header("accept-language"))).reply(plain.status)
        return replace(shown, headers=(*plain.headers, *shown.headers))


DIALECT = PageDialect(
    name="pages",
    media_type=HTML,
    body=lambda error, _status, _path: html_of(refusal_page(error.code, ENGLISH)).encode(),
    status_of={**STATUS_OF, Kind.USED: 410, Kind.EXPIRED: 410},
)

surface = Surface(
    "links",
    base="/links",
    dialect=DIALECT,
    everywhere=True,
    title="Pages of mailed links",
    description="Where links in mails lead. GET shows what will happen and a button, and uses nothing up, "
    "since scanners open links too; only the button's POST acts. HTML without scripts, English and German.",
)


class LinkQuery(SnakeQuery):
    """The link's token; in the address of a page, and in what its form sends."""

    token: str = Field(max_length=MAX_TOKEN_CHARACTERS)


class PasswordForm(LinkQuery):
    """The link's token and a password."""

    password: str


def reader_words() -> Words:
    """What is said, in the reader's language."""
    return words_for(current_exchange().header("accept-language"))
