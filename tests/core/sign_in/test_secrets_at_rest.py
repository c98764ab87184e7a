"""X09: a dump of the database holds nothing that a person was ever told or typed."""

from collections.abc import AsyncIterator

import pyotp
import pytest

from server.base.secret import Secret
from server.core.factors.owner import Owner
from server.core.factors.recovery_codes import make_recovery_codes
from server.core.sign_in.verification import VerifyEmail, verify_email
from server.core.work import Work
from server.db.pool import Database
from tests.support.accounts import an_email
from tests.support.application import Application, session_of, signed_in, step
from tests.support.dump import dump, holding, holding_number
from tests.support.sign_in import access_token_of, refresh_token_of
from tests.support.work import a_core

PHONE = "+491700000009"
PASSWORD, NEW_PASSWORD = "the first of two passwords", "the other of two passwords"


@pytest.fixture
async def application(fresh_database_url: str) -> AsyncIterator[Application]:
    """An application on a database in which nothing else ever was."""
    db = await Database.open(fresh_database_url, connections=2, application_name="secrets")
    yield await Application.on(a_core(db))
    await db.close()


async def test_x09_a_dump_shows_no_secret_of_a_person(application: Application) -> None:
    texts = {"password": PASSWORD, "new password": NEW_PASSWORD}
    codes: dict[str, str] = {}
    email = an_email()

    new = await application.sign_up(email, PASSWORD, send_verification=True)
    texts["link that verifies"] = verifying = (await application.letter(email, "verify_email")).link_token
    await application.do(verify_email, VerifyEmail(application.realm.id, Secret(verifying)))
    app = await application.with_totp(new)
    texts["app's secret"] = app.secret
    codes["app's code"] = app.next_code()
    await application.begin_set_up(application.by(new), "sms", PHONE)
    codes["code for the number"] = (await application.letter(PHONE)).code
    await application.confirm_set_up(application.by(new), codes["code for the number"])
    for number, code in enumerate(
        await application.do(_recovery_codes, Owner(application.realm, new.principal))
    ):
        texts[f"recovery code {number}"] = code.reveal()
        texts[f"recovery code {number} as it is read"] = code.reveal().replace("-", "")

    waiting = step(await application.log_in(email, PASSWORD))
    texts["handle"] = waiting.handle.reveal()
    codes["second code"] = (await application.letter(PHONE)).code
    session = session_of(signed_in(await application.advance(waiting, codes["app's code"])))
    texts["access token"] = access_token_of(session).reveal()
    texts["refresh token"] = refresh_token_of(session).reveal()

    await application.send_code(email)
    codes["code that signs in"] = (await application.letter(email, "sign_in_code")).code
    await application.send_link(email)
    texts["magic link"] = (await application.letter(email, "magic_link")).link_token
    await application.forget_password(email)
    texts["link that resets"] = (await application.letter(email, "reset_password")).link_token
    await application.reset_password(texts["link that resets"], NEW_PASSWORD)

    cells = await dump(application.core)

    assert {cell.table for cell in cells} >= {
        "principals",
        "factors",
        "recovery_codes",
        "one_time_secrets",
        "sign_ins",
        "sessions",
        "refresh_tokens",
        "outbox_messages",
        "throttles",
        "audit_events",
    }
    found = {name: holding(cells, text.encode()) for name, text in texts.items()}
    found["app's secret as bytes"] = holding(cells, pyotp.TOTP(app.secret).byte_secret())
    found |= {name: holding_number(cells, int(code)) for name, code in codes.items()}
    assert {name: columns for name, columns in found.items() if columns} == {}


async def _recovery_codes(work: Work, owner: Owner) -> tuple[Secret, ...]:
    return await make_recovery_codes(work, owner)
