"""A page for a person: what it says, and how that is written as HTML.

It works without scripts, at any width, and with a screen reader. Nothing on it is loaded from anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from server.surfaces.kit.exchange import Response
from server.surfaces.kit.replying import page

STYLE: Final = """
:root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif; }
body { margin: 0; padding: 2rem 1rem; }
main { max-width: 28rem; margin: 0 auto; }
h1 { font-size: 1.5rem; line-height: 1.25; }
label { display: block; margin: 1rem 0 0.25rem; }
input { box-sizing: border-box; width: 100%; padding: 0.6rem; font: inherit; }
button { margin: 1.5rem 0 0; padding: 0.7rem 1.4rem; font: inherit; font-weight: 600; cursor: pointer; }
[role="alert"] { padding: 0.6rem 0.8rem; border: 2px solid #c62828; border-radius: 0.3rem; }
.of { font-weight: 600; opacity: 0.8; }
"""


@dataclass(frozen=True, slots=True)
class Field:
    """Something to fill in, or to be seen by a password manager.

    Args:
        autocomplete: What browsers and password managers should take it for (HTML, section 4.10.18.7).
        value: What stands in it; with one it is only to be read.
    """

    name: str
    label: str
    type: str
    autocomplete: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """What pressing the button does.

    Args:
        action: Where it goes, relative to the page's own address.
        token: The link's token, which goes with it.
        fault: What was wrong with what was filled in last time.
        leads_to: Origins that it may be sent on to.
    """

    action: str
    token: str
    button: str
    fields: tuple[Field, ...] = ()
    fault: str | None = None
    leads_to: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says. All of it is text.

    Args:
        lang: Its language.
        app_name: Whose page it is.
        onward: A link: what it says, and where it leads.
    """

    lang: str
    title: str
    paragraphs: tuple[str, ...]
    app_name: str | None = None
    form: Form | None = None
    onward: tuple[str, str] | None = None

    def reply(self, status: int = 200) -> Response:
        """The page as an answer."""
        leads_to = self.form.leads_to if self.form else ()
        return page(html_of(self), style=STYLE, form_action=leads_to, status=status)


def html_of(page: Page) -> str:
    """The page's document. Whatever it says can say nothing to the browser."""
    parts = [f'<p class="of">{escape(page.app_name)}</p>'] if page.app_name else []
    parts.append(f"<h1>{escape(page.title)}</h1>")
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in page.paragraphs]
    if page.form is not None:
        parts.append(_form(page.form))
    if page.onward is not None:
        said, url = page.onward
        parts.append(f'<p><a href="{escape(url)}" rel="noreferrer">{escape(said)}</a></p>')
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="{escape(page.lang)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<title>{escape(page.title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _form(form: Form) -> str:
    parts = [f'<form method="post" action="{escape(form.action)}">']
    if form.fault is not None:
        parts.append(f'<p id="fault" role="alert">{escape(form.fault)}</p>')
    parts.append(f'<input type="hidden" name="token" value="{escape(form.token)}">')
    parts += [_field(field, is_at_fault=form.fault is not None) for field in form.fields]
    parts.append(f'<button type="submit">{escape(form.button)}</button>\n</form>')
    return "\n".join(parts)


def _field(field: Field, *, is_at_fault: bool) -> str:
    if field.value is not None:
        more = f' value="{escape(field.value)}" readonly'
    elif is_at_fault:
        more = ' required aria-describedby="fault" aria-invalid="true"'
    else:
        more = " required"
    return (
        f'<label for="{field.name}">{escape(field.label)}</label>\n'
        f'<input id="{field.name}" name="{field.name}" type="{field.type}" '
        f'autocomplete="{field.autocomplete}"{more}>'
    )
