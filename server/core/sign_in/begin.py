"""The first proof: a sign-up, a password, a code, a link, somebody else's word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from server.base.errors import InvalidCode, LinkUnknown, RegistrationClosed
from server.base.secret import Secret
from server.core.credentials.passwords import hash_new_password
from server.core.credentials.rules import NewPassword
from server.core.factors.owner import Owner
from server.core.notifications.model import Channel
from server.core.principals.actions import RegisterPrincipal, register_principal
from server.core.principals.model import RealmPrincipal
from server.core.realms.actions import read_realm
from server.core.realms.model import Realm
from server.core.sign_in.address import address_of
from server.core.sign_in.amr import FEDERATED
from server.core.sign_in.factors import email_code, magic_link, password, sms_code
from server.core.sign_in.factors.person import Person
from server.core.sign_in.finish import Proved, finish_sign_in
from server.core.sign_in.model import SignedIn, SignInOutcome
from server.core.sign_in.steps import go_on
from server.core.sign_in.verification import SendVerification, send_verification
from server.core.work import Refusal, Work, prepared


@dataclass(frozen=True, slots=True)
class SignUp:
    """A new person.

    Args:
        email: Trimmed, NFC, syntactically an address.
        metadata: JSON.
        send_verification: None leaves it to the realm.
    """

    realm_id: UUID
    email: str
    password: Secret
    metadata: Mapping[str, object] = field(default_factory=dict)
    send_verification: bool | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class PasswordSignIn:
    """An address and a password."""

    realm_id: UUID
    email: str
    password: Secret
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class CodeSignIn:
    """A code that was sent by `send_code`, and where to: exactly one of *email* and *phone*."""

    realm_id: UUID
    email: str | None
    phone: str | None
    code: Secret
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class LinkSignIn:
    """The token of a link that was sent by `send_magic_link`."""

    realm_id: UUID
    token: Secret
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class IdentitySignIn:
    """Somebody whom an identity provider vouches for.

    Args:
        provider: Its slug.
        is_new: The principal was registered a moment ago.
    """

    realm: Realm
    principal: RealmPrincipal
    provider: str
    is_new: bool = False
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class CheckedSignUp:
    """A `SignUp` after its slow part."""

    command: SignUp
    realm: Realm
    password_hash: str


@dataclass(frozen=True, slots=True)
class CheckedPassword:
    """A `PasswordSignIn` after its slow part."""

    command: PasswordSignIn
    checked: password.Checked


async def _hash_password(work: Work, command: SignUp) -> CheckedSignUp:
    realm = await read_realm(work, command.realm_id)
    if not realm.policy.registration_open:
        raise RegistrationClosed
    new = NewPassword(realm, command.password, words=(command.email,))
    return CheckedSignUp(command, realm, await hash_new_password(work, new))


@prepared(_hash_password)
async def sign_up(work: Work, ready: CheckedSignUp) -> SignedIn:
    """The person is registered and signed in. The slow part holds no connection.

    Where the realm insists on a second factor the session cannot be refreshed until one was set up.

    Raises:
        InvalidFields: The password is not one that the realm takes, or the metadata is too large.
        EmailTaken: Somebody of the realm has this address.
        RegistrationClosed: The realm takes nobody.
        Unavailable: Too many wait for their hashes.
    """
    command, realm = ready.command, ready.realm
    principal = await register_principal(
        work,
        RegisterPrincipal(
            realm.id, email=command.email, password_hash=ready.password_hash, metadata=command.metadata
        ),
    )
    if realm.policy.verify_at_sign_up if command.send_verification is None else command.send_verification:
        await send_verification(work, SendVerification(realm.id, principal.id))
    return await finish_sign_in(
        work,
        Proved(
            Owner(realm, principal),
            (password.amr,),
            user_agent=command.user_agent,
            is_new=True,
            is_login=False,
        ),
    )


async def _check_password(work: Work, command: PasswordSignIn) -> CheckedPassword:
    checked = await password.check(work, command.realm_id, command.email, command.password)
    return CheckedPassword(command, checked)


@prepared(_check_password)
async def sign_in_with_password(work: Work, ready: CheckedPassword) -> SignInOutcome:
    """The password was right. The slow part holds no connection.

    Raises:
        InvalidCredentials: The address is unknown, the password wrong, or the account locked: all alike. As a
            `Refusal`: the try is counted.
        AccountDisabled: The password was right, and the account is not in use.
        TooManyAttempts: There were too many wrong tries for this address from there, whoever's it is.
        SecondFactorRequired: There is no second proof that this person could give.
        Unavailable: Too many wait for their hashes.
    """
    principal = await password.verify(work, ready.checked)
    owner = Owner(ready.checked.realm, principal)
    return await go_on(work, Proved(owner, (password.amr,), user_agent=ready.command.user_agent))


async def sign_in_with_code(work: Work, command: CodeSignIn) -> SignInOutcome:
    """The code was right; whoever is unknown is registered, if the realm takes people.

    Raises:
        InvalidFields: Neither or both of address and number are named.
        InvalidCode: It is wrong, used, past its time, tried too often, or was sent to somebody else; or the
            account is locked. As a `Refusal`: the try is counted.
        AccountDisabled: The code was right, and the account is not in use.
        SecondFactorRequired: There is no second proof that this person could give.
    """
    realm = await read_realm(work, command.realm_id)
    address = address_of(command.email, command.phone)
    if address.channel is Channel.MAIL:
        person = await email_code.identify(work, realm, address.text, command.code)
        method = email_code.amr
    else:
        person = await sms_code.identify(work, realm, address.text, command.code)
        method = sms_code.amr
    if person is None:
        raise Refusal(InvalidCode())
    return await _go_on_as(work, realm, person, method, command.user_agent)


async def sign_in_with_link(work: Work, command: LinkSignIn) -> SignInOutcome:
    """The link was right; whoever is unknown is registered, if the realm takes people.

    Raises:
        LinkUnknown, LinkUsed, LinkExpired: The token proves nothing.
        InvalidCredentials: The link was right, and the account is locked.
        AccountDisabled: The link was right, and the account is not in use.
        SecondFactorRequired: There is no second proof that this person could give.
    """
    realm = await read_realm(work, command.realm_id)
    person = await magic_link.identify(work, realm, command.token)
    if person is None:
        raise LinkUnknown
    return await _go_on_as(work, realm, person, magic_link.amr, command.user_agent)


async def begin_with_identity(work: Work, command: IdentitySignIn) -> SignInOutcome:
    """The identity provider's word is taken for the first proof.

    Raises:
        InvalidCredentials: The account is locked.
        AccountDisabled: It is not in use.
        SecondFactorRequired: There is no second proof that this person could give.
    """
    return await go_on(
        work,
        Proved(
            Owner(command.realm, command.principal),
            (FEDERATED,),
            provider=command.provider,
            user_agent=command.user_agent,
            is_new=command.is_new,
        ),
    )


async def _go_on_as(
    work: Work, realm: Realm, person: Person, method: str, user_agent: str | None
) -> SignInOutcome:
    owner = Owner(realm, person.principal)
    return await go_on(work, Proved(owner, (method,), user_agent=user_agent, is_new=person.is_new))
