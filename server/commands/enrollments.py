"""countersign admin enrollments: people's phones."""

from pathlib import Path
from typing import Annotated

import typer

from server.commands.options import (
    FIRST_PAGE,
    AsJson,
    Id,
    Limit,
    Offset,
    Search,
    changed_text,
    instant_of,
    page_of,
)
from server.commands.performing import perform
from server.commands.pictures import Draw, qr_files
from server.commands.showing import show, show_page, show_qr, show_with_secrets
from server.core.changes import UNCHANGED
from server.core.enrollments import administration as actions
from server.core.enrollments import lifecycle
from server.core.enrollments.invitation import Invited
from server.core.enrollments.model import EnrollmentStatus
from server.surfaces.ezkey_admin.enrollments import EnrollmentBody, EnrollmentPage, InvitedBody

app = typer.Typer(no_args_is_help=True, help="Enrollments: people's phones.")

COLUMNS = ("id", "integrationId", "name", "userIdentifier", "status", "active", "lockedAt", "lastUsedAt")

Name = Annotated[
    str, typer.Argument(show_default=False, help="What the phone shows for it, 1 to 100 characters.")
]
Integration = Annotated[int, typer.Option("--integration", show_default=False, help="The integration's id.")]
OfIntegration = Annotated[
    int | None, typer.Option("--integration", show_default=False, help="Only of this integration.")
]
User = Annotated[
    str | None,
    typer.Option("--user", show_default=False, help="What the relying party calls its user."),
]
QrPng = Annotated[
    Path | None, typer.Option(show_default=False, help="Save the QR as a new PNG file, mode 0600.")
]
QrSvg = Annotated[
    Path | None, typer.Option(show_default=False, help="Save the QR as a new SVG file, mode 0600.")
]
InvitationEnds = Annotated[
    str | None,
    typer.Option("--expires-at", show_default=False, help="Until when it can be used: 2027-01-31T12:00:00Z."),
]
ChallengeRequired = Annotated[
    bool | None,
    typer.Option(
        "--challenge-required/--no-challenge-required",
        show_default=False,
        help="Whether every attempt asks for a number.",
    ),
]


@app.command("create")
def create_enrollment(
    name: Name,
    integration: Integration,
    user: User = None,
    expires_at: InvitationEnds = None,
    qr_png: QrPng = None,
    qr_svg: QrSvg = None,
    *,
    challenge_required: ChallengeRequired = None,
    json: AsJson = False,
) -> None:
    """Invite a phone; proof token, challenge and QR are shown this once."""
    command = actions.CreateEnrollment(
        integration_id=integration,
        name=name,
        user_identifier=user,
        challenge_required=bool(challenge_required),
        expires_at=instant_of(expires_at),
    )
    with qr_files(qr_png, qr_svg) as draw:
        _show_invited(perform(actions.create_enrollment, command), draw, as_json=json)


@app.command("list")
def list_enrollments(
    integration: OfIntegration = None,
    status: EnrollmentStatus | None = None,
    search: Search = "",
    limit: Limit = FIRST_PAGE,
    offset: Offset = 0,
    *,
    json: AsJson = False,
) -> None:
    """List enrollments, newest first."""
    command = actions.ListEnrollments(page_of(search, limit, offset), integration, status)
    page = perform(actions.list_enrollments, command)
    show_page(EnrollmentPage.of(page, EnrollmentBody.of), COLUMNS, as_json=json)


@app.command("show")
def read_enrollment(enrollment_id: Id, *, json: AsJson = False) -> None:
    """Show an enrollment."""
    enrollment = perform(actions.read_enrollment, actions.ReadEnrollment(enrollment_id))
    show(EnrollmentBody.of(enrollment), as_json=json)


@app.command("change")
def change_enrollment(
    enrollment_id: Id,
    name: Annotated[str | None, typer.Option(show_default=False, help="Its new name.")] = None,
    user: Annotated[
        str | None, typer.Option("--user", show_default=False, help='Its new user identifier; "" for none.')
    ] = None,
    *,
    challenge_required: ChallengeRequired = None,
    json: AsJson = False,
) -> None:
    """Change what the options name."""
    command = actions.ChangeEnrollment(
        enrollment_id,
        name=changed_text(name),
        user_identifier=changed_text(user),
        challenge_required=UNCHANGED if challenge_required is None else challenge_required,
    )
    show(EnrollmentBody.of(perform(actions.change_enrollment, command)), as_json=json)


@app.command("deactivate")
def deactivate_enrollment(enrollment_id: Id, *, json: AsJson = False) -> None:
    """Let it not be used for now; its open attempt expires."""
    enrollment = perform(lifecycle.deactivate_enrollment, lifecycle.DeactivateEnrollment(enrollment_id))
    show(EnrollmentBody.of(enrollment), as_json=json)


@app.command("reactivate")
def reactivate_enrollment(enrollment_id: Id, *, json: AsJson = False) -> None:
    """Let it be used again."""
    enrollment = perform(lifecycle.reactivate_enrollment, lifecycle.ReactivateEnrollment(enrollment_id))
    show(EnrollmentBody.of(enrollment), as_json=json)


@app.command("revoke")
def revoke_enrollment(enrollment_id: Id, *, json: AsJson = False) -> None:
    """End it for good; its open attempt expires."""
    enrollment = perform(lifecycle.revoke_enrollment, lifecycle.RevokeEnrollment(enrollment_id))
    show(EnrollmentBody.of(enrollment), as_json=json)


@app.command("unlock")
def unlock_enrollment(enrollment_id: Id, *, json: AsJson = False) -> None:
    """Unlock it, and count wrong numbers anew."""
    enrollment = perform(lifecycle.unlock_enrollment, lifecycle.UnlockEnrollment(enrollment_id))
    show(EnrollmentBody.of(enrollment), as_json=json)


@app.command("rebind")
def rebind_enrollment(
    enrollment_id: Id,
    expires_at: InvitationEnds = None,
    qr_png: QrPng = None,
    qr_svg: QrSvg = None,
    *,
    json: AsJson = False,
) -> None:
    """Shut out its phone and invite another; proof token, challenge and QR are shown this once."""
    command = lifecycle.RebindEnrollment(enrollment_id, instant_of(expires_at))
    with qr_files(qr_png, qr_svg) as draw:
        _show_invited(perform(lifecycle.rebind_enrollment, command), draw, as_json=json)


def _show_invited(invited: Invited, draw: Draw, *, as_json: bool) -> None:
    body = InvitedBody.of(invited)
    secrets = {
        "enrollmentProofToken": body.enrollment_proof_token,
        "enrollmentChallenge": f"{body.enrollment_challenge}  (not in the QR: tell it to the person)",
    }
    show_with_secrets(body, body.enrollment, secrets, as_json=as_json)
    if not as_json:
        show_qr(body.qr.text)
    draw(body.qr.text)
