"""docs/reference says what the code says."""

from server.reference.__main__ import FOLDER
from server.reference.pages import pages
from tests.support.database import DatabaseServer


async def test_the_reference_is_as_the_code_is(postgres: DatabaseServer, worker_id: str) -> None:
    """Every page that `make docs` would write is there, word for word; run it if this fails."""
    url = await postgres.create_empty_database(f"reference_{worker_id}")
    try:
        written = await pages(url)
    finally:
        await postgres.drop_database(url)
    stale = [name for name, text in written.items() if (FOLDER / name).read_text(encoding="utf-8") != text]
    assert stale == []


def test_nothing_else_is_in_the_reference() -> None:
    """A page that nobody writes any more is not left behind."""
    kept = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert kept == {
        "errors.md",
        "routes.md",
        "schema.md",
        "settings.md",
        "openapi/ezkey_admin.json",
        "openapi/ezkey_device.json",
        "openapi/ezkey_integration.json",
        "openapi/links.json",
        "openapi/protekt_account.json",
        "openapi/protekt_auth.json",
        "openapi/public_keys.json",
        "openapi/well_known.json",
    }
