"""countersign admin operators: the people who run the instance."""

from typing import Annotated, Self

import typer

from server.commands.options import AsJson
from server.commands.passwords import PasswordStdin, new_password, send_reset
from server.commands.performing import perform
from server.commands.showing import show, show_list, show_with_secrets
from server.core.operators import actions
from server.core.principals.model import RealmPrincipal
from server.core.realms.model import RealmName
from server.surfaces.ezkey_admin.bodies import Answer
from server.surfaces.kit.body import Instant

app = typer.Typer(no_args_is_help=True, help="Operators: the people who run the instance.")

PASSWORD_VARIABLE = "COUNTERSIGN_OPERATOR_PASSWORD"  # noqa: S105 - a name
COLUMNS = ("id", "email", "enabled", "lastLoginAt", "createdAt")

Email = Annotated[str, typer.Option(show_default=False, help="The operator's e-mail address.")]
EmailArgument = Annotated[str, typer.Argument(show_default=False, help="The operator's e-mail address.")]


class OperatorBody(Answer):
    """An operator."""

    id: str
    email: str | None
    enabled: bool
    last_login_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, operator: RealmPrincipal) -> Self:
        """What operators see of each other."""
        return cls(
            id=str(operator.id),
            email=operator.email,
            enabled=not operator.is_disabled,
            last_login_at=operator.last_login_at,
            created_at=operator.created_at,
        )


class NewOperatorBody(Answer):
    """A new operator, with the password that was made up, if one was."""

    operator: OperatorBody
    password: str | None


class OperatorList(Answer):
    """All operators."""

    operators: list[OperatorBody]


@app.command("create")
def create_operator(email: Email, *, password_stdin: PasswordStdin = False, json: AsJson = False) -> None:
    """Make an operator, who signs in at POST /api/v1/operators/sign-in.

    The password is read from standard input (--password-stdin), from COUNTERSIGN_OPERATOR_PASSWORD, or
    asked for at the terminal; without all of these one is made up and shown this once.
    """
    given = new_password(PASSWORD_VARIABLE, from_stdin=password_stdin)
    operator = OperatorBody.of(
        perform(actions.create_operator, actions.CreateOperator(email, given.password))
    )
    made_up = given.password.reveal() if given.generated else None
    body = NewOperatorBody(operator=operator, password=made_up)
    if made_up is None:
        show(body if json else operator, as_json=json)
    else:
        show_with_secrets(body, operator, {"password": made_up}, as_json=json)


@app.command("list")
def list_operators(*, json: AsJson = False) -> None:
    """List the operators who have accounts, newest first."""
    operators = [OperatorBody.of(operator) for operator in perform(actions.list_operators, None)]
    show_list(OperatorList(operators=operators), operators, COLUMNS, as_json=json)


@app.command("disable")
def disable_operator(email: EmailArgument, *, json: AsJson = False) -> None:
    """Refuse the operator everywhere at once, and from now on."""
    _set_status(email, enabled=False, json=json)


@app.command("enable")
def enable_operator(email: EmailArgument, *, json: AsJson = False) -> None:
    """Let the operator sign in again."""
    _set_status(email, enabled=True, json=json)


@app.command("reset-password")
def reset_password(email: EmailArgument) -> None:
    """Send an operator a link that sets a new password."""
    send_reset(RealmName.PLATFORM, email)


def _set_status(email: str, *, enabled: bool, json: bool) -> None:
    command = actions.SetOperatorStatus(email, enabled)
    show(OperatorBody.of(perform(actions.set_operator_status, command)), as_json=json)
