"""Operators' own keys. A key's text is in the answer that made it, and in no other."""

from typing import Self

from server.base.errors import OperatorKeyNotFound, OperatorKeyRevoked
from server.core.api_keys import operator_keys as actions
from server.core.api_keys.model import IssuedOperatorKey, OperatorKey
from server.surfaces.ezkey_admin.bodies import Answer, FutureInstant, Label
from server.surfaces.ezkey_admin.pages import PageBody, PageQuery
from server.surfaces.ezkey_admin.surface import surface
from server.surfaces.kit.body import Instant, QueryBool, StrictCamelBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import operator_key
from server.surfaces.kit.limits import OPERATIONS
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.reading import path_id, read, read_query
from server.surfaces.kit.replying import reply


class OperatorKeyCreation(StrictCamelBody):
    """An operator key to be made."""

    label: Label
    expires_at: FutureInstant | None = None

    def command(self) -> actions.CreateOperatorKey:
        """What is asked for."""
        return actions.CreateOperatorKey(self.label, self.expires_at)


class OperatorKeyBody(Answer):
    """An operator key without its secret. `active`: neither revoked nor expired."""

    id: int
    key_id: str
    label: str
    active: bool
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, key: OperatorKey) -> Self:
        """What operators see."""
        return cls(
            id=key.id,
            key_id=key.key_id,
            label=key.label,
            active=key.active,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            last_used_at=key.last_used_at,
            created_at=key.created_at,
        )


class IssuedOperatorKeyBody(Answer):
    """A new operator key with its whole text: the bearer token of this API."""

    operator_key: OperatorKeyBody
    secret: str

    @classmethod
    def of(cls, issued: IssuedOperatorKey) -> Self:
        """What operators see once."""
        return cls(operator_key=OperatorKeyBody.of(issued.key), secret=issued.secret.reveal())


class OperatorKeyPage(PageBody[OperatorKeyBody]):
    """A page of operator keys."""


class OperatorKeyQuery(PageQuery):
    """Which operator keys; search is in label and key id."""

    active: QueryBool | None = None

    def command(self) -> actions.ListOperatorKeys:
        """What is asked for."""
        return actions.ListOperatorKeys(self.page, active=self.active)


@surface.post(
    "/operator-keys",
    guard=operator_key,
    limit=OPERATIONS,
    takes=OperatorKeyCreation,
    gives={201: IssuedOperatorKeyBody},
)
async def create_operator_key() -> Response:
    """POST /api/v1/operator-keys: a new operator key, with its text this once."""
    body = await read(OperatorKeyCreation)
    issued = await perform(actions.create_operator_key, body.command())
    location = ("Location", f"/api/v1/operator-keys/{issued.key.id}")
    return reply(IssuedOperatorKeyBody.of(issued), 201, headers=(location,))


@surface.get(
    "/operator-keys",
    guard=operator_key,
    limit=OPERATIONS,
    query=OperatorKeyQuery,
    gives={200: OperatorKeyPage},
)
async def list_operator_keys() -> Response:
    """GET /api/v1/operator-keys: the operator keys, newest first."""
    query = read_query(OperatorKeyQuery)
    page = await perform_at_once(actions.list_operator_keys, query.command())
    return reply(OperatorKeyPage.of(page, OperatorKeyBody.of))


@surface.get(
    "/operator-keys/{id:int32}",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: OperatorKeyBody},
    refuses=(OperatorKeyNotFound,),
)
async def read_operator_key() -> Response:
    """GET /api/v1/operator-keys/{id}: one operator key."""
    key = await perform_at_once(actions.read_operator_key, actions.ReadOperatorKey(path_id()))
    return reply(OperatorKeyBody.of(key))


@surface.post(
    "/operator-keys/{id:int32}/revoke",
    guard=operator_key,
    limit=OPERATIONS,
    gives={200: OperatorKeyBody},
    refuses=(OperatorKeyNotFound, OperatorKeyRevoked),
)
async def revoke_operator_key() -> Response:
    """POST /api/v1/operator-keys/{id}/revoke: the key is refused from now on, also the caller's own."""
    key = await perform(actions.revoke_operator_key, actions.RevokeOperatorKey(path_id()))
    return reply(OperatorKeyBody.of(key))
