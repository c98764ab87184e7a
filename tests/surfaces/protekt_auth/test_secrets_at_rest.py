"""X09: after a whole journey neither the database nor the log holds what was ever shown as a secret."""

import json
import re
from base64 import b32decode
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from server.db.pool import Database
from tests.support.accounts import PASSWORD, Account, an_email
from tests.support.backend import Backend, Somebody, signed_in
from tests.support.dump import dump, holding, holding_number
from tests.support.outbox import latest_message
from tests.support.product import Product, a_product

NEW = "a quite different sentence"
WRONG = "surely not the password"
PHONE = "+4915100000009"


@pytest.fixture
async def product(fresh_database_url: str) -> AsyncIterator[Product]:
    """A process on a database in which nothing else ever was."""
    db = await Database.open(fresh_database_url, connections=2, application_name="secrets")
    product = a_product(db)
    yield product
    await product.http.aclose()
    await db.close()


class Journey:
    """Everything that somebody is shown on the way, by what it is."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {"password": PASSWORD, "new password": NEW, "wrong password": WRONG}
        self.codes: dict[str, str] = {}

    def saw(self, what: str, who: Somebody) -> Somebody:
        """The tokens of a session."""
        self.texts[f"access token of {what}"] = who.access_token
        self.texts[f"signature in it, of {what}"] = who.access_token.rsplit(".", 1)[1]
        self.texts[f"refresh token of {what}"] = who.refresh_token
        return who


async def test_x09_a_dump_shows_no_secret_of_an_application(product: Product) -> None:
    """What is live, used, wrong and replaced: none of it can be read."""
    journey = Journey()
    account = await product.account()
    journey.texts["management token"] = account.token
    await by_a_member(journey, product, account)
    app = await Backend.on(product)
    journey.texts["project key"] = app.key

    jane = await by_password(journey, app)
    await by_code_and_link(journey, app)
    await with_second_factors(journey, app, jane)

    cells = await dump(product.core)

    assert {cell.table for cell in cells} >= {
        "api_keys",
        "audit_events",
        "factors",
        "one_time_secrets",
        "outbox_messages",
        "principals",
        "refresh_tokens",
        "sessions",
        "sign_ins",
        "throttles",
        "token_signing_keys",
    }
    found = {name: holding(cells, text.encode()) for name, text in journey.texts.items()}
    found["TOTP seed"] = holding(cells, b32decode(journey.texts["TOTP secret"]))
    found |= {
        name: [*holding_number(cells, int(code)), *holding(cells, code.encode())]
        for name, code in journey.codes.items()
    }
    assert {name: columns for name, columns in found.items() if columns} == {}
    addresses = [column for column in holding(cells, jane.email.encode()) if "audit" in column]
    assert addresses == []


async def test_no_log_line_holds_a_secret_of_an_application(product: Product) -> None:
    """Of the same journey, addresses and numbers included."""
    journey = Journey()
    with capture_logs() as logs:
        app = await Backend.on(product)
        journey.texts["project key"] = app.key
        jane = await by_password(journey, app)
        await by_code_and_link(journey, app)
        await with_second_factors(journey, app, jane)

    text = json.dumps(logs, default=repr)
    assert len(logs) > 20
    texts = journey.texts | {"address": jane.email, "number": PHONE}
    assert [name for name, secret in texts.items() if secret in text] == []
    assert [name for name, code in journey.codes.items() if re.search(rf"\b{code}\b", text)] == []


async def by_a_member(journey: Journey, product: Product, account: Account) -> None:
    """A project with a key, and an invitation."""
    project = await account.http.post(
        "/v1/projects",
        json={"name": "Secrets", "allowed_origins": [], "redirect_url": "https://app.example.com/"},
    )
    key = await account.http.post("/v1/api-keys", json={"project_id": project.json()["id"], "label": "x"})
    journey.texts["a member's project key"] = key.json()["key"]
    email = an_email("eve")
    await account.http.post("/v1/members/invite", json={"email": email, "role": "admin"})
    journey.texts["invitation"] = (await latest_message(product.core, email)).link_token


async def by_password(journey: Journey, app: Backend) -> Somebody:
    """Signed up, reset, changed, refreshed, logged out; and links that nobody used."""
    jane = journey.saw("sign-up", await app.somebody(send_verification=True))
    journey.texts["verification link"] = (await app.letter(jane.email)).link_token
    await app.log_in(jane, WRONG)
    refreshed = await app.post("token/refresh", refresh_token=jane.refresh_token)
    journey.texts["next refresh token"] = refreshed.json()["refresh_token"]
    await app.post("password/reset", email=jane.email)
    journey.texts["reset link"] = token = (await app.letter(jane.email)).link_token
    await app.post("password/confirm", reset_token=token, new_password=NEW)
    await app.post("password/reset", email=jane.email)
    journey.texts["open reset link"] = (await app.letter(jane.email)).link_token
    again = await app.log_in(jane, NEW)
    return journey.saw("log-in", signed_in(again, jane.email, NEW))


async def by_code_and_link(journey: Journey, app: Backend) -> None:
    """A code used, a code open, by mail and SMS; a link used, a link open."""
    for what, where in (("mail", {"email": an_email()}), ("SMS", {"phone": PHONE})):
        (to,) = where.values()
        await app.post("otp/send", **where)
        journey.codes[f"used code by {what}"] = code = (await app.letter(to)).code
        answer = await app.post("otp/verify", **where, otp=code)
        journey.saw(f"a code by {what}", signed_in(answer, to))
        await app.post("otp/send", **where)
        journey.codes[f"open code by {what}"] = (await app.letter(to)).code
    email = an_email()
    await app.post("magic-link/send", email=email)
    journey.texts["used magic link"] = token = (await app.letter(email)).link_token
    answer = await app.call("POST", "magic-link/verify", {"token": token})
    journey.saw("a magic link", signed_in(answer, email))
    await app.post("magic-link/send", email=email)
    journey.texts["open magic link"] = (await app.letter(email)).link_token


async def with_second_factors(journey: Journey, app: Backend, jane: Somebody) -> None:
    """An authenticator that counts, a sign-in that waits, an SMS that confirms."""
    authenticator = await app.with_totp(jane)
    (secret,) = parse_qs(urlsplit(authenticator.uri).query)["secret"]
    journey.texts["TOTP secret"] = secret
    journey.codes["TOTP code"] = authenticator.code()
    journey.texts["handle of an open sign-in"] = mfa_token = await app.challenged(jane)
    answer = await app.post("mfa/verify", mfa_token=mfa_token, code=authenticator.next_code())
    now = journey.saw("a second factor", signed_in(answer, jane.email, NEW))
    await app.post("mfa/enroll", bearer=now.access_token, method="sms", phone=PHONE)
    journey.codes["code that confirms a number"] = (await app.letter(PHONE)).code
    journey.texts["another handle"] = await app.challenged(jane)
