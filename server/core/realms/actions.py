"""What is done with realms: they are read, and their rules change. Projects make and remove theirs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from server.base import ids
from server.base.errors import IntegrationNotFound, RealmNotFound
from server.core.audit.events import Detail, Event
from server.core.changes import names_of_changed
from server.core.realms import store
from server.core.realms.model import Realm, RealmKind
from server.core.realms.stored_policy import changed, policy_of
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class CreateRealm:
    """A realm for an application's users, or for an organization's members.

    Args:
        policy: What differs from the surface's policy, as `ChangePolicy.changes`.
    """

    kind: RealmKind
    surface: str
    organization_id: int | None
    environment_id: UUID | None
    policy: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    """New rules of a realm.

    Args:
        changes: By the names of `SignInPolicy`, as JSON has them; None puts back what the surface's realms
            start from.
    """

    realm_id: UUID
    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SetPushIntegration:
    """The integration whose phones can be second factors in the realm; None for none."""

    realm_id: UUID
    integration_id: int | None


async def create_realm(work: Work, command: CreateRealm) -> UUID:
    """The realm exists; its id.

    Raises:
        InvalidFields: A rule has no such name or value.
    """
    realm_id = ids.new_uid()
    await store.insert_realm(
        work.conn,
        realm_id,
        kind=command.kind,
        surface=command.surface,
        organization_id=command.organization_id,
        environment_id=command.environment_id,
        differences=changed(command.surface, {}, command.policy),
        now=work.now,
    )
    work.record(Event("realm.created", "realm", str(realm_id), command.organization_id, realm_id=realm_id))
    return realm_id


async def read_realm(work: Work, realm_id: UUID) -> Realm:
    """The realm. One SELECT.

    Raises:
        RealmNotFound: There is none.
    """
    realm = await store.select_realm(work.conn, realm_id, work.settings.instance_name)
    if realm is None:
        raise RealmNotFound
    return realm


async def read_named_realm(work: Work, name: str) -> Realm:
    """The realm of this name (`RealmName`). One SELECT.

    Raises:
        RealmNotFound: There is none.
    """
    realm = await store.select_named_realm(work.conn, name, work.settings.instance_name)
    if realm is None:
        raise RealmNotFound
    return realm


async def find_realm(work: Work, text: str) -> Realm:
    """The realm that an operator means by its name, its id, or its project's `proj_…` or `lp_…`.

    Raises:
        RealmNotFound: There is none.
    """
    if realm := await store.select_named_realm(work.conn, text, work.settings.instance_name):
        return realm
    realm_id = await store.select_project_realm_id(
        work.conn, project_id=ids.uid_of("proj", text), login_id=text
    )
    if realm_id is None:
        try:
            realm_id = UUID(text)
        except ValueError:
            raise RealmNotFound from None
    return await read_realm(work, realm_id)


async def list_realms(work: Work, _: None) -> tuple[Realm, ...]:
    """All realms: the instance's own by name, then the applications' by age."""
    return await store.select_realms(work.conn, work.settings.instance_name)


async def change_policy(work: Work, command: ChangePolicy) -> Realm:
    """The realm's rules are as the command says, for sign-ins and refreshes from now on.

    Open sessions keep the length that they were given. What is the same already leaves no event.

    Raises:
        RealmNotFound: There is none.
        InvalidFields: A rule has no such name or value; nothing is changed.
    """
    before = await store.select_policy_for_update(work.conn, command.realm_id)
    if before is None:
        raise RealmNotFound
    after = changed(before.surface, before.differences, command.changes)
    old, new = policy_of(before.surface, before.differences), policy_of(before.surface, after)
    if new != old:
        await store.update_policy(work.conn, command.realm_id, after, work.now)
        data: dict[str, Detail] = {"changed": names_of_changed(old, new)}
        work.record(
            Event(
                "realm.policy_changed",
                "realm",
                str(command.realm_id),
                before.organization_id,
                data=data,
                realm_id=command.realm_id,
            )
        )
    return await read_realm(work, command.realm_id)


async def set_push_integration(work: Work, command: SetPushIntegration) -> Realm:
    """The realm's people can be asked on phones that are enrolled with this integration, or with none.

    Raises:
        RealmNotFound: There is none.
        IntegrationNotFound: There is no such integration, or it is not active.
    """
    realm = await read_realm(work, command.realm_id)
    if realm.push_integration_id == command.integration_id:
        return realm
    if not await store.update_push_integration(work.conn, realm.id, command.integration_id, work.now):
        raise IntegrationNotFound
    data: dict[str, Detail] = {"integration_id": command.integration_id}
    work.record(
        Event(
            "realm.push_integration_set",
            "realm",
            str(realm.id),
            realm.organization_id,
            data=data,
            realm_id=realm.id,
        )
    )
    return replace(realm, push_integration_id=command.integration_id)
