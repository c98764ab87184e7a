"""Each page of the reference as text, from the code and a migrated database."""

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version

from server.app import SURFACES
from server.base.errors import AppError
from server.base.settings import Settings, variable_of
from server.db.describe import Table, describe
from server.db.migrate import upgrade
from server.surfaces.kit.openapi import openapi_document
from server.surfaces.kit.surface import Guard

WRITTEN = "<!-- Written by `make docs` from the code; a test compares it. -->"


async def pages(database_url: str) -> Mapping[str, str]:
    """Every page by its name within docs/reference. The database is empty before, and migrated after."""
    await upgrade(database_url)
    texts = {
        "routes.md": _page(_routes()),
        "errors.md": _page(_errors()),
        "settings.md": _page(_settings()),
        "schema.md": _page(_schema(await describe(database_url))),
    }
    for surface in SURFACES:
        document = json.dumps(
            openapi_document(surface, version=version("countersign-server")), indent=2, ensure_ascii=False
        )
        texts[f"openapi/{surface.name}.json"] = f"{document}\n"
    return texts


def _page(lines: Iterator[str]) -> str:
    return "\n".join((WRITTEN, *lines)) + "\n"


def _routes() -> Iterator[str]:
    yield from ("# Routes", "", "Every operation, who may call it and how often. Limits are settings.")
    for surface in SURFACES:
        yield from ("", f"## {surface.title} (`{surface.name}`)", "")
        if surface.description:
            yield from (surface.description, "")
        yield "| Operation | Guard | Limit | Lane | Answers | What it does |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for route in surface.routes:
            answers = ", ".join(str(status) for status in route.gives)
            says = route.summary.partition(": ")[2] or route.summary
            yield (
                f"| `{route.method} {route.template}` | {_guard(route.guard)} | {route.limit.name} "
                f"| {route.lane.value} | {answers} | {says} |"
            )


def _guard(guard: Guard) -> str:
    return f"{guard.name}: {guard.needs}" if guard.needs else guard.name


def _errors() -> Iterator[str]:
    yield from ("# Errors", "", "Every code, and the status under which each surface answers it.", "")
    yield "| Code | Kind | " + " | ".join(f"`{surface.name}`" for surface in SURFACES) + " | Meaning |"
    yield "| --- | --- | " + "--- | " * len(SURFACES) + "--- |"
    for error in sorted(_all_errors(AppError), key=lambda error: error.code):
        statuses = " | ".join(str(surface.dialect.status(error)) for surface in SURFACES)
        says = (error.__doc__ or "").partition("\n")[0]
        yield f"| `{error.code}` | {error.kind.value} | {statuses} | {says} |"


def _all_errors(base: type[AppError]) -> Iterator[type[AppError]]:
    for error in base.__subclasses__():
        yield error
        yield from _all_errors(error)


def _settings() -> Iterator[str]:
    yield from ("# Settings", "", "Environment variables. A wrong one stops the start with a sentence.", "")
    yield "| Variable | Default | What it says |"
    yield "| --- | --- | --- |"
    for name, field in Settings.model_fields.items():
        yield f"| `{variable_of(name)}` | {_default(field.default)} | {field.description} |"


def _default(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return "`" + ",".join(map(str, value)) + "`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def _schema(tables: tuple[Table, ...]) -> Iterator[str]:
    yield from ("# Schema", "", "The tables as the migrations make them.")
    for table in tables:
        yield from (
            "",
            f"## {table.name}",
            "",
            "| Column | Type | Null | Default |",
            "| --- | --- | --- | --- |",
        )
        for column in table.columns:
            yield (
                f"| {column.name} | {column.type} | {'yes' if column.nullable else 'no'} "
                f"| {f'`{column.default}`' if column.default else ''} |"
            )
        if table.rules:
            yield ""
        for rule in table.rules:
            yield f"- `{rule}`"
