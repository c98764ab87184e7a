"""The examples: who is asked, what is paid and how often, with a stand-in for the client.

`shop` serves one example to a `Browser`. Everything an example can be asked for goes through HTTP.
"""

import asyncio
import importlib.util
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import httpx2
import pytest

from countersign import AuthAttempt, AuthAttemptStatus, CountersignError
from countersign.errors import UnavailableError

EXAMPLES = Path(__file__).parents[1] / "examples"
URL = "http://127.0.0.1"


# --- a stand-in for the client -------------------------------------------------------------------------


@dataclass
class StandIn:
    """Has the methods of `Client` that the examples use, and a phone that says what the test says."""

    status: AuthAttemptStatus = AuthAttemptStatus.PENDING
    failure: CountersignError | None = None
    asked: list[dict[str, object]] = field(default_factory=list)
    attempts: dict[int, AuthAttempt] = field(default_factory=dict)

    def create(self, **wanted: object) -> AuthAttempt:
        """An attempt with the number 482913."""
        if self.failure:
            raise self.failure
        self.asked.append(wanted)
        made = AuthAttempt(
            id=len(self.asked),
            status=AuthAttemptStatus.PENDING,
            expires_at=datetime(2030, 1, 1, tzinfo=UTC),
            timeout_seconds=120,
            challenge=482913,
        )
        self.attempts[made.id] = made
        return made

    def wait(self, attempt: int, *, deadline_seconds: float) -> AuthAttempt:
        """The attempt as the phone has left it."""
        if self.failure:
            raise self.failure
        assert deadline_seconds <= 30
        return replace(self.attempts[attempt], status=self.status)


@dataclass
class AsyncStandIn:
    """A `StandIn` behind the methods of `AsyncClient`."""

    phone: StandIn

    async def create(self, **wanted: object) -> AuthAttempt:
        """As `StandIn.create`."""
        return self.phone.create(**wanted)

    async def wait(self, attempt: int, *, deadline_seconds: float) -> AuthAttempt:
        """As `StandIn.wait`, with the others getting a turn."""
        await asyncio.sleep(0)
        return self.phone.wait(attempt, deadline_seconds=deadline_seconds)


# --- a browser -----------------------------------------------------------------------------------------


class Browser(Protocol):
    """One person's browser, with its cookies."""

    async def get(self, path: str) -> httpx2.Response:
        """The page at *path*."""

    async def post(self, path: str, **fields: object) -> httpx2.Response:
        """What comes of submitting *fields* to *path*."""


@dataclass
class FormBrowser:
    """Submits forms, with Django's token when the site has given one."""

    send: Callable[..., Awaitable[httpx2.Response]]
    cookies: httpx2.Cookies

    async def get(self, path: str) -> httpx2.Response:
        """The page at *path*."""
        return await self.send("GET", path)

    async def post(self, path: str, **fields: object) -> httpx2.Response:
        """What comes of submitting *fields* to *path*."""
        token = self.cookies.get("csrftoken")
        return await self.send("POST", path, data={**fields, "csrfmiddlewaretoken": token or ""})


@dataclass
class JsonBrowser(FormBrowser):
    """Sends JSON."""

    async def post(self, path: str, **fields: object) -> httpx2.Response:
        """What comes of sending *fields* to *path*."""
        return await self.send("POST", path, json=fields)


@dataclass
class Shop:
    """One example, being served."""

    browse: Callable[[], Browser]
    phone: StandIn
    paid: list[Any]

    async def signed_in(self, user: str) -> Browser:
        """A browser in which *user* is signed in."""
        browser = self.browse()
        assert (await browser.get(f"/sign-in/{user}")).status_code == 200
        await browser.get("/pay")
        return browser


async def order(browser: Browser, payee: str = "Bob", cents: object = 4000) -> tuple[str, str]:
    """The path that settles a new order, and all that was shown with it."""
    answer = await browser.post("/pay", payee=payee, cents=cents)
    assert answer.status_code == 200, answer.text
    if answer.headers["Content-Type"].startswith("application/json"):
        return f"/pay/{answer.json()['payment']}", answer.text
    found = re.search(r'"(/pay/[^"]+)"', answer.text)
    assert found
    return found[1], answer.text


# --- four shops ----------------------------------------------------------------------------------------


def load(name: str) -> ModuleType:
    """The example *name* as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def in_threads(app: Callable[..., Any]) -> Callable[[], Browser]:
    """Browsers of a WSGI application."""

    def browse() -> Browser:
        http = httpx2.Client(transport=httpx2.WSGITransport(app), base_url=URL)

        async def send(*request: str, **body: Any) -> httpx2.Response:  # noqa: ANN401 - the client's own
            return await asyncio.to_thread(http.request, *request, **body)

        return FormBrowser(send, http.cookies)

    return browse


def in_tasks(app: Callable[..., Any], kind: type[FormBrowser]) -> Callable[[], Browser]:
    """Browsers of an ASGI application."""

    def browse() -> Browser:
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=URL)
        return kind(http.request, http.cookies)

    return browse


def serve_flask(client: object, paid: list[Any]) -> Callable[[], Browser]:
    flask = import_module("flask")
    app = load("flask_pay").create_app(client, paid.append)

    def sign_in(user: str) -> str:
        flask.session["user"] = user
        return "welcome"

    app.add_url_rule("/sign-in/<user>", view_func=sign_in)
    return in_threads(app)


def serve_quart(client: object, paid: list[Any]) -> Callable[[], Browser]:
    quart = import_module("quart")
    app = load("quart_pay").create_app(client, paid.append)

    async def sign_in(user: str) -> str:
        quart.session["user"] = user
        return "welcome"

    app.add_url_rule("/sign-in/<user>", view_func=sign_in)
    return in_tasks(app, FormBrowser)


def serve_fastapi(client: object, paid: list[Any]) -> Callable[[], Browser]:
    fastapi = import_module("fastapi")
    app = load("fastapi_pay").create_app(client, paid.append)

    async def sign_in(request: Any, user: str) -> str:  # noqa: ANN401 - FastAPI is imported late
        request.session["user"] = user
        return "welcome"

    sign_in.__annotations__["request"] = fastapi.Request
    app.add_api_route("/sign-in/{user}", sign_in)
    return in_tasks(app, JsonBrowser)


def serve_django(client: object, paid: list[Any], folder: Path) -> Callable[[], Browser]:
    module = sys.modules.get("example_django_pay") or load("django_pay")
    app = module.create_app(client, paid.append)
    settings = import_module("django.conf").settings
    connections = import_module("django.db").connections
    connections["default"].settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = (
        folder / "shop.sqlite3"
    )
    users = import_module("django.contrib.auth.models").User.objects
    http = import_module("django.http")

    def sign_in(request: Any, user: str) -> Any:  # noqa: ANN401 - Django is not typed
        import_module("django.contrib.auth").login(request, users.get_or_create(username=user)[0])
        return http.HttpResponse("welcome")

    module.urlpatterns.append(import_module("django.urls").path("sign-in/<str:user>", sign_in))
    import_module("django.core.management").call_command("migrate", verbosity=0)
    connections.close_all()
    return in_threads(app)


@pytest.fixture(params=["flask", "quart", "fastapi", "django"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    pytest.importorskip(request.param)
    phone, paid = StandIn(), list[Any]()
    match request.param:
        case "flask":
            browse = serve_flask(phone, paid)
        case "quart":
            browse = serve_quart(AsyncStandIn(phone), paid)
        case "fastapi":
            browse = serve_fastapi(AsyncStandIn(phone), paid)
        case _:
            browse = serve_django(phone, paid, tmp_path)
    return Shop(browse, phone, paid)


# --- what they promise ---------------------------------------------------------------------------------


async def test_a_payment_is_asked_for_shown_with_its_number_and_paid_once_approved(shop: Shop) -> None:
    jane = await shop.signed_in("jane")

    settle, page = await order(jane)
    assert shop.phone.asked == [
        {
            "user_identifier": "jane",
            "challenge_requested": True,
            "context_title": "Payment",
            "context_message": "40.00 € to Bob",
        }
    ]
    assert "482913" in page

    waiting = await jane.post(settle)
    assert (waiting.status_code, waiting.json(), shop.paid) == (202, {"state": "waiting"}, [])

    shop.phone.status = AuthAttemptStatus.ACCEPTED
    settled = await jane.post(settle)
    assert (settled.status_code, settled.json()) == (200, {"state": "paid"})
    assert [(paid.user, paid.payee, paid.cents) for paid in shop.paid] == [("jane", "Bob", 4000)]


@pytest.mark.parametrize("status", ["REJECTED", "INVALID", "EXPIRED"])
async def test_anything_but_an_approval_pays_nothing_for_good(shop: Shop, status: str) -> None:
    jane = await shop.signed_in("jane")
    settle, _ = await order(jane)

    shop.phone.status = AuthAttemptStatus(status)
    refused = await jane.post(settle)
    shop.phone.status = AuthAttemptStatus.ACCEPTED
    again = await jane.post(settle)

    assert (refused.status_code, refused.json()) == (403, {"state": status.lower()})
    assert (again.status_code, shop.paid) == (404, [])


async def test_a_payment_is_paid_once_however_often_it_is_settled(shop: Shop) -> None:
    jane = await shop.signed_in("jane")
    settle, _ = await order(jane)
    shop.phone.status = AuthAttemptStatus.ACCEPTED

    answers = await asyncio.gather(*(jane.post(settle) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404, 404]
    assert len(shop.paid) == 1


async def test_what_the_browser_sends_does_not_say_who_is_asked_or_what_is_paid(shop: Shop) -> None:
    jane = await shop.signed_in("jane")
    answer = await jane.post("/pay", payee="Bob", cents=4000, user="mallory", user_identifier="mallory")
    assert answer.status_code == 200
    assert [asked["user_identifier"] for asked in shop.phone.asked] == ["jane"]

    settle, _ = await order(jane)
    shop.phone.status = AuthAttemptStatus.ACCEPTED
    await jane.post(settle, user="mallory", payee="Mallory", cents=1, attempt_id=99)
    assert [(paid.user, paid.payee, paid.cents) for paid in shop.paid] == [("jane", "Bob", 4000)]


async def test_nobody_settles_somebody_elses_payment(shop: Shop) -> None:
    jane, mallory = await shop.signed_in("jane"), await shop.signed_in("mallory")
    settle, _ = await order(jane)
    shop.phone.status = AuthAttemptStatus.ACCEPTED

    refused = await mallory.post(settle)

    assert (refused.status_code, shop.paid) == (404, [])
    assert (await jane.post(settle)).status_code == 200


async def test_nobody_pays_without_signing_in(shop: Shop) -> None:
    jane = await shop.signed_in("jane")
    settle, _ = await order(jane)
    shop.phone.status = AuthAttemptStatus.ACCEPTED
    stranger = shop.browse()

    answers = [await stranger.post("/pay", payee="Bob", cents=4000), await stranger.post(settle)]

    # Django sends a stranger to its sign-in, once the stranger's request is not another site's.
    assert all(answer.status_code in {302, 401, 403} for answer in answers)
    assert (len(shop.phone.asked), shop.paid) == (1, [])


async def test_a_payment_that_does_not_exist_is_not_found(shop: Shop) -> None:
    jane = await shop.signed_in("jane")

    assert (await jane.post("/pay/none")).status_code == 404


@pytest.mark.parametrize("cents", ["0", "-1", "1.5", "x", "", "9" * 5000])
async def test_an_order_that_makes_no_sense_reaches_no_phone(shop: Shop, cents: str) -> None:
    jane = await shop.signed_in("jane")

    answer = await jane.post("/pay", payee="Bob", cents=cents)

    assert (answer.status_code // 100, shop.phone.asked) == (4, [])


async def test_a_server_that_cannot_be_asked_pays_nothing_and_says_so(shop: Shop) -> None:
    jane = await shop.signed_in("jane")
    settle, _ = await order(jane)
    shop.phone.failure = UnavailableError("The service is not available", status=503)

    for answer in (await jane.post("/pay", payee="Bob", cents=4000), await jane.post(settle)):
        assert (answer.status_code, answer.json()) == (503, {"state": "could not ask"})
    assert shop.paid == []

    shop.phone.failure, shop.phone.status = None, AuthAttemptStatus.ACCEPTED
    assert (await jane.post(settle)).status_code == 200


async def test_other_sites_cannot_send_the_session_along(shop: Shop) -> None:
    browser = shop.browse()

    answer = await browser.get("/sign-in/jane")

    (session,) = [cookie for cookie in answer.headers.get_list("Set-Cookie") if "session" in cookie]
    assert "samesite=lax" in session.lower()
    assert "httponly" in session.lower()
