"""What a finished sign-in leaves: a session, a count of use, audit records."""

from uuid import UUID

from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.sign_in.advance import forget_expired
from server.core.sign_in.begin import PasswordSignIn, sign_in_with_password
from server.core.work import Core, Work
from tests.support.accounts import PASSWORD, an_email, an_owner
from tests.support.application import Application, signed_in, step
from tests.support.scene import made_on


async def test_a_login_is_counted_by_how_it_was(application: Application) -> None:
    email = an_email()
    await application.sign_up(email)
    await application.log_in(email)
    await application.send_code(email)
    await application.enter_code((await application.letter(email)).code, email)

    (use,) = await application.rows(
        """
        SELECT sum(logins) AS logins, sum(tokens_issued) AS tokens, sum(passwordless_logins) AS passwordless
          FROM usage_days WHERE realm_id = $1
        """,
        application.realm.id,
    )

    assert use == {"logins": 2, "tokens": 3, "passwordless": 1}


async def test_a_sign_in_of_two_steps_is_one_login(application: Application) -> None:
    email = an_email()
    app = await application.with_totp(await application.sign_up(email))
    await application.advance(step(await application.log_in(email)), app.next_code())

    (use,) = await application.rows(
        "SELECT sum(logins) AS logins FROM usage_days WHERE realm_id = $1", application.realm.id
    )

    assert use == {"logins": 1}


async def test_the_audit_log_says_what_happened_and_nothing_secret(application: Application) -> None:
    email = an_email()
    app = await application.with_totp(await application.sign_up(email))
    code = app.next_code()
    waiting = step(await application.log_in(email))
    await application.advance(waiting, code)

    records = await application.rows(
        "SELECT event, data::text AS data FROM audit_events WHERE realm_id = $1", application.realm.id
    )

    assert {"sign_in.continued", "sign_in.finished", "factor.added", "factor.begun"} <= {
        record["event"] for record in records
    }
    told = " ".join(record["data"] for record in records)
    for secret in (email, PASSWORD, code, app.secret, waiting.handle.reveal()):
        assert secret not in told


async def test_a_member_acts_for_the_organization_that_they_joined_first(uncommitted: Core) -> None:
    owner = await made_on(uncommitted, an_owner)
    actor = Principal(Actor.ANYONE, surface="tests", address="192.0.2.40")
    realm = await made_on(uncommitted, _accounts)

    outcome = await uncommitted.perform(
        sign_in_with_password,
        PasswordSignIn(realm, owner.member.email, Secret(PASSWORD)),
        actor=actor,
    )

    session = signed_in(outcome).session
    assert session.session.organization_id == owner.organization.id
    assert session.reference_token is not None
    assert session.access_token is None


async def test_sign_ins_past_their_time_are_forgotten(application: Application) -> None:
    email = an_email()
    await application.with_totp(await application.sign_up(email))
    await application.log_in(email)
    application.move_clock(seconds=600)
    await application.log_in(email)

    await application.do(forget_expired, None)

    left = await application.rows("SELECT FROM sign_ins WHERE realm_id = $1", application.realm.id)
    assert len(left) == 1


async def _accounts(work: Work) -> UUID:
    return (await read_named_realm(work, RealmName.ACCOUNTS)).id
