"""countersign admin: what operators do, one command group for each kind of thing."""

import typer

from server.commands import (
    api_keys,
    attempts,
    audit,
    enrollments,
    integrations,
    members,
    operator_keys,
    operators,
    projects,
    realms,
    sso,
    templates,
    tenants,
    users,
)

app = typer.Typer(no_args_is_help=True, help="What operators do, directly on the instance's database.")
app.add_typer(tenants.app, name="tenants")
app.add_typer(integrations.app, name="integrations")
app.add_typer(enrollments.app, name="enrollments")
app.command("create-owner")(members.create_owner)
app.add_typer(members.app, name="members")
app.add_typer(projects.app, name="projects")
app.add_typer(realms.app, name="realms")
app.add_typer(sso.app, name="sso")
app.add_typer(users.app, name="users")
app.add_typer(api_keys.app, name="api-keys")
app.add_typer(operator_keys.app, name="operator-keys")
app.add_typer(operators.app, name="operators")
app.add_typer(attempts.app, name="attempts")
app.add_typer(audit.app, name="audit")
app.add_typer(templates.app, name="templates")
