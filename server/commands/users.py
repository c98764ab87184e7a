"""countersign admin users: one person of a realm, and what they sign in with."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Self, TypeVar

import typer

from server.base.errors import UserNotFound
from server.base.ids import public_id, uid_of
from server.commands.options import AsJson
from server.commands.performing import perform
from server.commands.realms import RealmArgument
from server.commands.showing import show, show_with_secrets
from server.core.factors.actions import RemoveFactor, remove_factor
from server.core.factors.owner import Owner
from server.core.factors.push import LinkPush, link_push
from server.core.factors.recovery_codes import make_recovery_codes
from server.core.principals.actions import FindByEmail, ReadPrincipal, find_by_email, read_principal
from server.core.principals.model import RealmPrincipal
from server.core.realms.actions import find_realm
from server.core.realms.model import Realm
from server.core.realms.policy import SecondFactor
from server.core.sign_in.administration import UnlockUser, unlock_user
from server.core.sign_in.users import User, read_factors_of
from server.core.work import Work
from server.surfaces.kit.body import Instant, SnakeAnswer

app = typer.Typer(no_args_is_help=True, help="Users: one person of a realm, and what they sign in with.")

Outcome = TypeVar("Outcome")

UserArgument = Annotated[
    str, typer.Argument(metavar="USER", show_default=False, help="Their e-mail address or `usr_…`.")
]


class UserBody(SnakeAnswer):
    """A person as operators see them."""

    id: str
    email: str | None
    phone: str | None
    enabled: bool
    factors: list[SecondFactor]
    locked_at: Instant | None
    locked_until: Instant | None
    last_login_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, user: User) -> Self:
        """Who it is, and what keeps them from signing in."""
        principal = user.principal
        return cls(
            id=public_id("usr", principal.id),
            email=principal.email,
            phone=principal.phone,
            enabled=not principal.is_disabled,
            factors=list(user.factors),
            locked_at=principal.locked_at,
            locked_until=principal.locked_until,
            last_login_at=principal.last_login_at,
            created_at=principal.created_at,
        )


class RecoveryCodesBody(SnakeAnswer):
    """A person with the codes that were made."""

    user: UserBody
    recovery_codes: list[str]


@app.command("show")
def read_user(realm: RealmArgument, user: UserArgument, *, json: AsJson = False) -> None:
    """Show a person, their second factors, and whether they are locked."""

    async def only_look(_work: Work, _owner: Owner) -> None:
        pass

    show(_done(realm, user, only_look)[0], as_json=json)


@app.command("unlock")
def unlock(realm: RealmArgument, user: UserArgument, *, json: AsJson = False) -> None:
    """Let somebody sign in again who failed too often; their failures are counted anew."""

    async def do(work: Work, owner: Owner) -> RealmPrincipal:
        return await unlock_user(work, UnlockUser(owner.realm.id, owner.principal.id))

    show(_done(realm, user, do)[0], as_json=json)


@app.command("link-phone")
def link_phone(
    realm: RealmArgument,
    user: UserArgument,
    enrollment_id: Annotated[int, typer.Argument(min=1, max=2**31 - 1, help="Of their verified phone.")],
    *,
    label: Annotated[str | None, typer.Option(help="What the phone is called.")] = None,
    json: AsJson = False,
) -> None:
    """Ask somebody on this phone when they sign in; it is enrolled with the realm's push integration."""

    async def do(work: Work, owner: Owner) -> None:
        await link_push(work, LinkPush(owner, enrollment_id, label))

    show(_done(realm, user, do)[0], as_json=json)


@app.command("recovery-codes")
def new_recovery_codes(realm: RealmArgument, user: UserArgument, *, json: AsJson = False) -> None:
    """Make ten codes that stand in for somebody's second factor; those made before are dead."""
    body, codes = _done(realm, user, make_recovery_codes)
    texts = [code.reveal() for code in codes]
    whole = RecoveryCodesBody(user=body, recovery_codes=texts)
    show_with_secrets(whole, body, {f"code {n}": text for n, text in enumerate(texts, start=1)}, as_json=json)


@app.command("remove-factor")
def take_factor(
    realm: RealmArgument,
    user: UserArgument,
    factor: Annotated[SecondFactor, typer.Argument(show_default=False, help="Which.")],
    *,
    json: AsJson = False,
) -> None:
    """Take a second factor from somebody who lost it, the last one too; they hear of it by mail."""

    async def do(work: Work, owner: Owner) -> None:
        await remove_factor(work, RemoveFactor(owner, factor, by_operator=True))

    show(_done(realm, user, do)[0], as_json=json)


def _done(realm: str, user: str, do: Callable[[Work, Owner], Awaitable[Outcome]]) -> tuple[UserBody, Outcome]:
    """What came of *do*, and the person as they are afterwards."""

    async def act(work: Work, _: None) -> tuple[User, Outcome]:
        owner = await _found(work, await find_realm(work, realm), user)
        outcome = await do(work, owner)
        whose = ReadPrincipal(owner.realm.id, owner.principal.id)
        return await read_factors_of(work, await read_principal(work, whose)), outcome

    found, outcome = perform(act, None)
    return UserBody.of(found), outcome


async def _found(work: Work, realm: Realm, user: str) -> Owner:
    """Who is meant.

    Raises:
        UserNotFound: The realm has nobody by this id or address.
    """
    uid = uid_of("usr", user)
    if uid is not None:
        return Owner(realm, await read_principal(work, ReadPrincipal(realm.id, uid)))
    principal = await find_by_email(work, FindByEmail(realm.id, user))
    if principal is None:
        raise UserNotFound
    return Owner(realm, principal)
