"""Who of a realm's people is whom at an identity provider.

An identity is the provider's issuer and the subject that it gave: the only two that a provider promises never
to give to anybody else (OpenID Connect Core 1.0, section 5.7). A provider's name in the realm is not part of
it, so a provider that is removed and added again knows its people, and another by its name does not.
"""

from dataclasses import dataclass
from uuid import UUID

from server.base import ids
from server.base.contact import email_address
from server.base.errors import EmailTaken, RegistrationClosed, SsoFailed
from server.core.audit.events import Event
from server.core.one_time_secrets.actions import remember_once
from server.core.one_time_secrets.model import Purpose, RememberOnce
from server.core.principals.actions import (
    FindByEmail,
    ReadPrincipal,
    RegisterPrincipal,
    find_by_email,
    register_principal,
)
from server.core.principals.locking import hold_principal
from server.core.principals.model import RealmPrincipal
from server.core.principals.notices import Notice, tell
from server.core.realms.model import Realm
from server.core.single_sign_on import store
from server.core.single_sign_on.model import ConfiguredProvider
from server.core.work import Work
from server.outbound.identity_providers.model import Assertion, ExternalPerson


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """Whom a provider of the realm signed in."""

    realm: Realm
    configured: ConfiguredProvider
    person: ExternalPerson

    @property
    def issuer(self) -> str:
        """Who signed them in."""
        return self.configured.provider.issuer


@dataclass(frozen=True, slots=True)
class Recognized:
    """Who that is in the realm.

    Args:
        is_new: They were registered a moment ago.
    """

    principal: RealmPrincipal
    is_new: bool


async def recognize(work: Work, identity: ExternalIdentity) -> Recognized:
    """The person is known by this identity from now on.

    Who was not is known by the address, if the provider and the realm both have it verified, and hears of it
    by mail; who is unknown is registered, if the realm takes people. What a provider may say only once counts
    only once.

    Raises:
        SsoFailed: The provider said this before, or tells no address to know somebody new by.
        EmailTaken: The address is somebody's whom the provider's word is not enough for.
        RegistrationClosed: The realm takes nobody new.
    """
    if identity.person.assertion is not None:
        await _count_once(work, identity, identity.person.assertion)
    principal = await _known(work, identity)
    if principal is None:
        # Of two sign-ins of somebody new, one makes them known and the other finds them.
        await store.lock_identity(work.conn, identity.realm.id, identity.issuer, identity.person.subject)
        principal = await _known(work, identity)
    if principal is not None:
        return Recognized(principal, is_new=False)
    recognized = await _by_address(work, identity)
    await _link(work, identity, recognized.principal.id)
    if not recognized.is_new:
        told = {"provider": identity.configured.slug}
        await tell(work, Notice(identity.realm, recognized.principal, "identity_linked", told))
    return recognized


async def unlink_identities(work: Work, owner: ReadPrincipal) -> bool:
    """No identity provider signs the person in; whether one did. Telling them is the caller's."""
    unlinked = await store.delete_identities(work.conn, owner.realm_id, owner.principal_id)
    for identity_id in unlinked:
        work.record(
            Event(
                "identity.unlinked",
                "principal",
                str(owner.principal_id),
                data={"identity_id": str(identity_id)},
                realm_id=owner.realm_id,
            )
        )
    return bool(unlinked)


async def _count_once(work: Work, identity: ExternalIdentity, assertion: Assertion) -> None:
    """Source: Profiles for SAML 2.0, section 4.1.4.5."""
    seconds = (assertion.expires_at - work.now).total_seconds()
    first = await remember_once(
        work,
        RememberOnce(
            identity.realm.id,
            Purpose.SAML_ASSERTION,
            identity.issuer,
            assertion.id,
            ttl_seconds=max(1, int(seconds) + 1),
        ),
    )
    if not first:
        raise SsoFailed("The identity provider's answer was used before")


async def _known(work: Work, identity: ExternalIdentity) -> RealmPrincipal | None:
    """Whose identity it is, used now; None if it is nobody's."""
    realm_id, issuer, subject = identity.realm.id, identity.issuer, identity.person.subject
    principal_id = await store.select_principal_id(work.conn, realm_id, issuer, subject)
    if principal_id is None:
        return None
    # People before what is theirs; whoever was deleted at this moment took their identities along.
    principal = await hold_principal(work, ReadPrincipal(realm_id, principal_id))
    if principal is not None:
        await store.update_identity_used(
            work.conn, realm_id, issuer, subject, email=identity.person.email, now=work.now
        )
    return principal


async def _by_address(work: Work, identity: ExternalIdentity) -> Recognized:
    realm, verified = identity.realm, identity.configured.verifies(identity.person)
    email = email_address(identity.person.email or "")
    if email is None:
        raise SsoFailed("The identity provider tells no email address")
    principal = await find_by_email(work, FindByEmail(realm.id, email))
    if principal is not None:
        # Whoever registered an address that they cannot read must not be given its owner's sign-ins, nor
        # a provider that takes any address somebody's account.
        if not (verified and principal.email_verified):
            raise EmailTaken("This email address belongs to an account that is not linked to the provider")
        return Recognized(principal, is_new=False)
    if not realm.policy.registration_open:
        raise RegistrationClosed
    # The address may be taken at this very moment; what was done until here is not lost then.
    async with work.conn.transaction():
        registration = RegisterPrincipal(realm.id, email=email, email_verified=verified)
        return Recognized(await register_principal(work, registration), is_new=True)


async def _link(work: Work, identity: ExternalIdentity, principal_id: UUID) -> None:
    identity_id = ids.new_uid()
    await store.insert_identity(
        work.conn,
        identity_id,
        identity.realm.id,
        principal_id,
        issuer=identity.issuer,
        subject=identity.person.subject,
        email=identity.person.email,
        now=work.now,
    )
    work.record(
        Event(
            "identity.linked",
            "principal",
            str(principal_id),
            identity.realm.organization_id,
            data={"provider": identity.configured.slug, "identity_id": str(identity_id)},
            realm_id=identity.realm.id,
        )
    )
