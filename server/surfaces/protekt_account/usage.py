"""Usage: how many people, logins and tokens."""

from datetime import date
from typing import Self

from pydantic import Field

from server.core.usage.actions import ReadUsage, read_usage
from server.core.usage.model import Usage
from server.surfaces.kit.body import Day, SnakeAnswer, SnakeQuery
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.limits import ACCOUNT
from server.surfaces.kit.performing import perform_at_once
from server.surfaces.kit.reading import read_query
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_account.bodies import project_uid_of
from server.surfaces.protekt_account.surface import ANY_MEMBER, organization_id, surface


class UsageQuery(SnakeQuery):
    """Whose usage, and of which days of UTC, both included."""

    project_id: str | None = Field(None, description="One project; all together without it.")
    first: Day | None = Field(None, alias="from", description="The first of `to`'s month without it.")
    last: Day | None = Field(None, alias="to", description="Today without it.")

    def command(self, organization_id: int) -> ReadUsage:
        """What is asked for.

        Raises:
            InvalidFields: `project_id` is no project's.
        """
        project_id = None if self.project_id is None else project_uid_of(self.project_id)
        return ReadUsage(organization_id, project_id, self.first, self.last)


class Period(SnakeAnswer):
    """From one day to another, both included."""

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")


class UsageBody(SnakeAnswer):
    """What was counted. `mau`: different people who signed up, signed in or refreshed."""

    period: Period
    mau: int
    total_logins: int
    tokens_issued: int
    passwordless_logins: int
    sso_logins: int

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """What members see."""
        return cls(
            period=Period(first=usage.first, last=usage.last),
            mau=usage.active_users,
            total_logins=usage.logins,
            tokens_issued=usage.tokens_issued,
            passwordless_logins=usage.passwordless_logins,
            sso_logins=usage.sso_logins,
        )


@surface.get("/usage", guard=ANY_MEMBER, limit=ACCOUNT, query=UsageQuery, gives={200: UsageBody})
async def show_usage() -> Response:
    """GET /v1/usage: what was counted from one day to another."""
    query = read_query(UsageQuery)
    return reply(UsageBody.of(await perform_at_once(read_usage, query.command(organization_id()))))
