"""Projects' API keys. A key's text is in the answer that made it, and in no other."""

from typing import Literal, Self
from uuid import UUID

from pydantic import Field

from server.base.errors import ApiKeyNotFound
from server.base.ids import public_id, uid_of
from server.base.pages import DEFAULT_LIMIT, MAX_LIMIT
from server.core.api_keys import project_keys as actions
from server.core.api_keys.model import IssuedProjectKey, ProjectKey, Scope
from server.surfaces.kit.body import GivenInstant, Instant, QueryInt, SnakeAnswer, SnakeBody, SnakeQuery
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.limits import ACCOUNT
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.protekt import API_KEY, PROJECT
from server.surfaces.kit.reading import path_text, read, read_query
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_account.bodies import project_uid_of
from server.surfaces.protekt_account.surface import ANY_MEMBER, organization_id, surface

ScopeText = Literal["auth:read", "auth:write", "users:read", "users:write"]


class ApiKeyCreation(SnakeBody):
    """A key to be made."""

    project_id: str
    label: str
    scopes: list[ScopeText] = Field(default_factory=lambda: [scope.value for scope in Scope])
    expires_at: GivenInstant | None = None

    def command(self, organization_id: int) -> actions.CreateProjectKey:
        """What is asked for.

        Raises:
            InvalidFields: `project_id` is no project's.
        """
        return actions.CreateProjectKey(
            organization_id,
            project_uid_of(self.project_id),
            self.label,
            [Scope(scope) for scope in self.scopes],
            self.expires_at,
        )


class ApiKeyBody(SnakeAnswer):
    """A key without its secret."""

    id: str
    label: str
    project_id: str
    scopes: list[str]
    expires_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, key: ProjectKey) -> Self:
        """What members see."""
        return cls(
            id=public_id(API_KEY, key.uid),
            label=key.label,
            project_id=public_id(PROJECT, key.project_id),
            scopes=list(key.scopes),
            expires_at=key.expires_at,
            created_at=key.created_at,
        )


class IssuedApiKeyBody(SnakeAnswer):
    """A new key with its whole text: what goes into X-Protekt-Key."""

    id: str
    key: str
    label: str
    project_id: str
    scopes: list[str]
    expires_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, issued: IssuedProjectKey) -> Self:
        """What a member sees once."""
        key = issued.key
        return cls(
            id=public_id(API_KEY, key.uid),
            key=issued.secret.reveal(),
            label=key.label,
            project_id=public_id(PROJECT, key.project_id),
            scopes=list(key.scopes),
            expires_at=key.expires_at,
            created_at=key.created_at,
        )


class ApiKeyList(SnakeAnswer):
    """Keys, newest first."""

    data: list[ApiKeyBody]


class ApiKeyQuery(SnakeQuery):
    """Which keys: of all projects or one."""

    project_id: str | None = None
    limit: QueryInt = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items at most.")

    def command(self, organization_id: int) -> actions.ListProjectKeys:
        """What is asked for.

        Raises:
            InvalidFields: `project_id` is no project's.
        """
        project_id = None if self.project_id is None else project_uid_of(self.project_id)
        return actions.ListProjectKeys(organization_id, project_id, self.limit)


class RevokedKeyBody(SnakeAnswer):
    """The key is refused from now on."""

    revoked: bool = True
    id: str


@surface.get(
    "/api-keys", guard=ANY_MEMBER, limit=ACCOUNT, query=ApiKeyQuery, gives={200: ApiKeyList}, marked=True
)
async def list_api_keys() -> Response:
    """GET /v1/api-keys: the keys that were not revoked, newest first."""
    query = read_query(ApiKeyQuery)
    keys = await perform_at_once(actions.list_project_keys, query.command(organization_id()))
    return reply(ApiKeyList(data=[ApiKeyBody.of(key) for key in keys]))


@surface.post(
    "/api-keys",
    guard=ANY_MEMBER,
    limit=ACCOUNT,
    takes=ApiKeyCreation,
    gives={201: IssuedApiKeyBody},
    marked=True,
)
async def create_api_key() -> Response:
    """POST /v1/api-keys: a new key of a project, with its text this once."""
    body = await read(ApiKeyCreation)
    issued = await perform(actions.create_project_key, body.command(organization_id()))
    return reply(IssuedApiKeyBody.of(issued), 201)


@surface.delete(
    "/api-keys/{id:text}",
    guard=ANY_MEMBER,
    limit=ACCOUNT,
    gives={200: RevokedKeyBody},
    refuses=(ApiKeyNotFound,),
    marked=True,
)
async def revoke_api_key() -> Response:
    """DELETE /v1/api-keys/{id}: the key is refused from now on."""
    await perform(actions.revoke_project_key, actions.RevokeProjectKey(organization_id(), _key_uid()))
    return reply(RevokedKeyBody(id=path_text()))


def _key_uid() -> UUID:
    uid = uid_of(API_KEY, path_text())
    if uid is None:
        raise ApiKeyNotFound
    return uid
