"""What a message says, from its template and the values of the moment.

Two kinds of templates: the product's own, files in `templates/<locale>`, and those of a realm, texts in the
database. A realm's may show values, choose by them, and nothing else: the language that is read of it has no
attribute, call, loop, arithmetic or inclusion, and all of it runs in Jinja's sandbox besides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateSyntaxError, nodes
from jinja2.environment import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from server.base.text import one_line

LOCALES = ("en", "de")
"""The languages that the product itself speaks, the first of which is everybody's last resort."""

MAX_SUBJECT_CHARACTERS = 500
MAX_BODY_CHARACTERS = 100_000

FILTERS = ("capitalize", "default", "e", "escape", "lower", "title", "trim", "upper", "urlencode")

_OWN_LANGUAGE = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Filter,
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says.

    Args:
        subject: Of a mail, one line; None for SMS.
        text: The whole SMS, or the mail for those who read plain text.
        html: The mail as HTML; None for SMS, and for mail in plain text alone.
    """

    subject: str | None
    text: str
    html: str | None


class TemplateRefused(Exception):
    """A realm's template says what it may not, or cannot be read.

    Args:
        part: `subject`, `text` or `html`.
        sentence: What is wrong with it, and in which line.
    """

    def __init__(self, part: str, sentence: str) -> None:
        super().__init__(f"{part}: {sentence}")
        self.part = part
        self.sentence = sentence


class _Sandbox(ImmutableSandboxedEnvironment):
    """Values are texts, of which nothing but themselves is needed."""

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:  # noqa: ARG002 - Jinja's signature
        """None is."""
        return False

    def is_safe_callable(self, obj: object) -> bool:  # noqa: ARG002 - likewise
        """None is."""
        return False


def _environment(*, html: bool, own: bool) -> _Sandbox:
    """What reads templates. Those of a realm keep their line breaks as they are, as is usual with Jinja."""
    made = _Sandbox(
        loader=None if own else FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=html,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=not own,
        lstrip_blocks=not own,
        auto_reload=False,
    )
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in FILTERS}
    return made


_PLAIN = _environment(html=False, own=False)
_HTML = _environment(html=True, own=False)
_OWN_PLAIN = _environment(html=False, own=True)
_OWN_HTML = _environment(html=True, own=True)


def render_mail(locale: str, name: str, values: Mapping[str, str]) -> Content:
    """The product's own mail of this *name* in one of `LOCALES`.

    Raises:
        TemplateError: Jinja's: a value is missing.
    """
    known = _lines(values) | {"lang": locale}
    known["subject"] = one_line(_PLAIN.get_template(f"{locale}/{name}.subject").render(known))
    return Content(
        known["subject"],
        _ended(_PLAIN.get_template(f"{locale}/{name}.text").render(known)),
        _ended(_HTML.get_template(f"{locale}/{name}.html").render(known)),
    )


def render_sms(locale: str, name: str, values: Mapping[str, str]) -> Content:
    """The product's own SMS of this *name* in one of `LOCALES`.

    Raises:
        TemplateError: Jinja's: a value is missing.
    """
    return Content(None, one_line(_PLAIN.get_template(f"{locale}/{name}.sms").render(_lines(values))), None)


def check_own(subject: str | None, text: str, html: str | None, known: frozenset[str]) -> None:
    """The texts of a realm's template are in the language of such templates, and show only values of *known*.

    Raises:
        TemplateRefused: They are not.
    """
    for part, source, longest in (
        ("subject", subject, MAX_SUBJECT_CHARACTERS),
        ("text", text, MAX_BODY_CHARACTERS),
        ("html", html, MAX_BODY_CHARACTERS),
    ):
        if source is not None:
            _check_part(part, source, longest, known)
    content = render_own(subject, text, html, dict.fromkeys(known, "x"))
    for part, said in (("subject", content.subject), ("text", content.text)):
        if said is not None and not said.strip():
            raise TemplateRefused(part, "says nothing")


def render_own(subject: str | None, text: str, html: str | None, values: Mapping[str, str]) -> Content:
    """What a realm's template says. A text without a subject is an SMS.

    Raises:
        TemplateRefused: It cannot be read, or shows a value that there is none of.
    """
    known = _lines(values)
    said = _rendered("text", text, known)
    if subject is None:
        return Content(None, said.strip(), None)
    return Content(
        one_line(_rendered("subject", subject, known)),
        _ended(said),
        None if html is None else _ended(_rendered("html", html, known)),
    )


def _rendered(part: str, source: str, values: Mapping[str, str]) -> str:
    try:
        return _own(source, html=part == "html").render(values)
    except Exception as cause:  # whatever a realm wrote that the check did not foresee
        raise TemplateRefused(part, str(cause)) from cause


@lru_cache(maxsize=256)
def _own(source: str, *, html: bool) -> Template:
    return (_OWN_HTML if html else _OWN_PLAIN).from_string(source)


def _check_part(part: str, source: str, longest: int, known: frozenset[str]) -> None:
    if len(source) > longest:
        raise TemplateRefused(part, f"must have at most {longest} characters")
    try:
        read = _OWN_PLAIN.parse(source)
    except TemplateSyntaxError as cause:
        raise TemplateRefused(part, f"line {cause.lineno}: {cause.message}") from cause
    except RecursionError as cause:
        raise TemplateRefused(part, "is nested too deeply") from cause
    for node in (read, *read.find_all(nodes.Node)):
        if fault := _fault(node, known):
            raise TemplateRefused(part, f"line {node.lineno}: {fault}")


def _fault(node: nodes.Node, known: frozenset[str]) -> str:
    """Why *node* is not in the language of realms' templates; empty if it is."""
    match node:
        case nodes.Name(name=name) if name not in known:
            return f"there is no value {name!r}, but {', '.join(sorted(known))}"
        case nodes.Filter(name=name) if name not in FILTERS:
            return f"there is no filter {name!r}, but {', '.join(FILTERS)}"
        case _ if not isinstance(node, _OWN_LANGUAGE):
            return "only values, conditions and filters are possible"
    return ""


def _lines(values: Mapping[str, str]) -> dict[str, str]:
    """No value makes a line, or turns the direction of what follows it."""
    return {name: one_line(value) for name, value in values.items()}


def _ended(text: str) -> str:
    """*text* with one line break at its end."""
    return f"{text.strip()}\n"
