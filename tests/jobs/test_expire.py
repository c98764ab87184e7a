from server.db.pool import Connection
from server.jobs.expire import expire
from tests.support.rolled_back import a_core_rolled_back
from tests.support.scene import Scene


async def test_attempts_and_invitations_are_expired_together(conn: Connection) -> None:
    scene = await Scene.on(a_core_rolled_back(conn))
    invited, phone = await scene.invited_phone(), await scene.enrolled_phone()
    attempt = await scene.ask(phone)
    scene.move_clock(days=8)

    assert await expire(scene.core) >= 2

    assert (await scene.enrollment(invited))["status"] == "EXPIRED"
    assert (await scene.attempt(attempt.id))["status"] == "EXPIRED"
    assert await expire(scene.core) == 0
