"""Users, for the project's backend; and each user's own profile."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from server.base.errors import EmailTaken, PermissionDenied, SecondFactorRequired, UserNotFound
from server.base.ids import uid_of
from server.base.principal import Actor
from server.core.sign_in.administration import ChangeUser, DeleteUser, change_user, delete_user
from server.core.sign_in.users import ListUsers, ReadUser, list_users, read_factors_of, read_user
from server.surfaces.kit.body import Email, SnakeAnswer
from server.surfaces.kit.exchange import Response, current_exchange
from server.surfaces.kit.guards import key_or_user, project_key
from server.surfaces.kit.limits import PROJECT
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.protekt import USER, ChangeBody, CursorBody, CursorQuery
from server.surfaces.kit.reading import path_text, read, read_query
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_auth.bodies import Metadata, UserBody
from server.surfaces.protekt_auth.surface import caller_realm, surface

MAX_SEARCH_CHARACTERS = 254


class UserQuery(CursorQuery):
    """Which users."""

    search: str = Field(
        "", max_length=MAX_SEARCH_CHARACTERS, description="A part of the email, in any casing."
    )


class UserChange(ChangeBody):
    """What is new about a user. `disabled` is for the project's backend alone."""

    email: Email = Field(default_factory=str)
    metadata: Metadata = Field(
        default_factory=dict, description="Merged member by member; null removes a member."
    )
    disabled: bool = Field(default_factory=bool)

    def command(self, realm_id: UUID, user_id: UUID, *, by_themselves: bool) -> ChangeUser:
        """What is asked for.

        Raises:
            InvalidFields: Nothing is.
            PermissionDenied: Users do not disable themselves.
        """
        self.check_says_something()
        if by_themselves and "disabled" in self.model_fields_set:
            raise PermissionDenied("Only the project's backend disables users")
        return ChangeUser(
            realm_id,
            user_id,
            email=self.said("email", self.email),
            metadata=self.said("metadata", self.metadata),
            disabled=self.said("disabled", self.disabled),
        )


class UserPage(CursorBody[UserBody]):
    """A page of users."""


class UserDeleted(SnakeAnswer):
    """The user is gone."""

    deleted: Literal[True] = True
    id: str


@surface.get("/users", guard=project_key("users:read"), limit=PROJECT, query=UserQuery, gives={200: UserPage})
async def users() -> Response:
    """GET /v1/auth/users: the project's users, newest first."""
    query, of = read_query(UserQuery), f"users:{caller_realm()}"
    page = await perform_at_once(list_users, ListUsers(caller_realm(), query.request(of), query.search))
    return reply(UserPage.of(page, UserBody.of, of))


@surface.get(
    "/users/{id:text}",
    guard=project_key("users:read"),
    limit=PROJECT,
    gives={200: UserBody},
    refuses=(UserNotFound,),
)
async def one_user() -> Response:
    """GET /v1/auth/users/{id}: one user of the project."""
    return reply(UserBody.of(await perform_at_once(read_user, ReadUser(caller_realm(), _user_id()))))


@surface.patch(
    "/users/{id:text}",
    guard=key_or_user("users:write"),
    limit=PROJECT,
    takes=UserChange,
    gives={200: UserBody},
    refuses=(UserNotFound, EmailTaken, PermissionDenied, SecondFactorRequired),
)
async def patch_user() -> Response:
    """PATCH /v1/auth/users/{id}: the members that are present are changed.

    With a user's token users change themselves, and nobody else is found. A new address is verified anew; who
    has a second factor changes it in a session that proved one.
    Who is disabled has no session any more.
    """
    body = await read(UserChange)
    command = body.command(caller_realm(), _user_id(), by_themselves=_is_user())
    changed = await perform(change_user, command)
    return reply(UserBody.of(await perform_at_once(read_factors_of, changed)))


@surface.delete(
    "/users/{id:text}",
    guard=project_key("users:write"),
    limit=PROJECT,
    gives={200: UserDeleted},
    refuses=(UserNotFound,),
)
async def remove_user() -> Response:
    """DELETE /v1/auth/users/{id}: gone with sessions, tokens and all that was stored of them."""
    await perform(delete_user, DeleteUser(caller_realm(), _user_id()))
    return reply(UserDeleted(id=path_text()))


def _is_user() -> bool:
    return current_exchange().caller.kind is Actor.USER


def _user_id() -> UUID:
    """The user in the path; for users themselves there is nobody else."""
    user_id, caller = uid_of(USER, path_text()), current_exchange().caller
    if user_id is None or (caller.kind is Actor.USER and caller.id != str(user_id)):
        raise UserNotFound
    return user_id
