from tests.support.backend import USER_AGENT, Backend, error_of
from tests.support.product import PEER, Product


async def test_p46_each_open_session_is_listed_and_one_is_the_callers(app: Backend, product: Product) -> None:
    jane = await app.somebody()
    product.move_clock(minutes=2)
    elsewhere, gone = await app.again(jane), await app.again(jane)
    await app.post("logout", bearer=gone.access_token)

    mine = (await app.get("sessions", bearer=jane.access_token)).json()["data"]
    theirs = (await app.get("sessions", bearer=elsewhere.access_token)).json()["data"]

    assert len(mine) == len(theirs) == 2
    assert [each["id"] for each in mine if each["is_current"]] == [jane.claims["sid"]]
    assert [each["id"] for each in theirs if each["is_current"]] == [elsewhere.claims["sid"]]
    assert {each["ip_address"] for each in mine} == {PEER[0]}
    assert {each["user_agent"] for each in mine} == {USER_AGENT}
    assert all(each["created_at"] <= each["last_active_at"] for each in mine)
    assert [each["created_at"] for each in mine] == sorted(
        (each["created_at"] for each in mine), reverse=True
    )


async def test_p46_a_key_alone_has_no_sessions_and_other_people_are_not_seen(
    app: Backend, other: Backend
) -> None:
    jane, john, elsewhere = await app.somebody(), await app.somebody(), await other.somebody()

    assert error_of(await app.get("sessions")) == (401, "invalid_token")
    assert error_of(await app.get("sessions", bearer=elsewhere.access_token)) == (401, "invalid_token")
    listed = (await app.get("sessions", bearer=jane.access_token)).json()["data"]
    assert [each["id"] for each in listed] == [jane.claims["sid"]]
    assert john.claims["sid"] not in str(listed)


async def test_p46_a_client_that_does_not_say_what_it_is_has_no_user_agent(app: Backend) -> None:
    jane = await app.somebody()
    body = {"email": jane.email, "password": jane.password}
    await app.call("POST", "login", body, headers={"User-Agent": ""})

    listed = (await app.get("sessions", bearer=jane.access_token)).json()["data"]

    assert [each.get("user_agent") for each in listed] == [None, USER_AGENT]


async def test_p47_one_session_is_revoked_and_the_callers_lives(app: Backend) -> None:
    jane = await app.somebody()
    elsewhere = await app.again(jane)
    session_id = elsewhere.claims["sid"]

    answer = await app.call("DELETE", f"sessions/{session_id}", token=jane.access_token)
    again = await app.call("DELETE", f"sessions/{session_id}", token=jane.access_token)

    assert (answer.status_code, answer.json()) == (200, {"revoked": True, "session_id": session_id})
    assert not await app.is_alive(elsewhere)
    assert (await app.post("token/refresh", refresh_token=elsewhere.refresh_token)).status_code == 401
    assert await app.is_alive(jane)
    assert error_of(again) == (404, "session_not_found")


async def test_p47_a_foreign_session_is_not_found(app: Backend, other: Backend) -> None:
    jane, john, elsewhere = await app.somebody(), await app.somebody(), await other.somebody()
    foreign = (john.claims["sid"], elsewhere.claims["sid"], jane.id, "sess_unknown", f"sess_{'0' * 26}")

    answers = [
        await app.call("DELETE", f"sessions/{session_id}", token=jane.access_token) for session_id in foreign
    ]

    assert [error_of(answer) for answer in answers] == [(404, "session_not_found")] * len(foreign)
    assert len({answer.content for answer in answers}) == 1
    assert await app.is_alive(john)
    assert await other.is_alive(elsewhere)


async def test_p48_all_sessions_are_revoked(app: Backend) -> None:
    jane, john = await app.somebody(), await app.somebody()
    others = [await app.again(jane) for _ in range(3)]

    answer = await app.call("DELETE", "sessions", token=jane.access_token)

    assert (answer.status_code, answer.json()) == (200, {"revoked_count": 4})
    assert [await app.is_alive(each) for each in (jane, *others)] == [False] * 4
    assert await app.is_alive(john)


async def test_p48_the_calling_session_is_kept_if_asked(app: Backend) -> None:
    jane = await app.somebody()
    others = [await app.again(jane) for _ in range(2)]

    answer = await app.call("DELETE", "sessions", {"keep_current": True}, token=jane.access_token)
    none_left = await app.call("DELETE", "sessions", {"keep_current": True}, token=jane.access_token)

    assert (answer.json(), none_left.json()) == ({"revoked_count": 2}, {"revoked_count": 0})
    assert await app.is_alive(jane)
    assert [await app.is_alive(each) for each in others] == [False, False]
