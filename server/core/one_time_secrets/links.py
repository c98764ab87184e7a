"""Where mailed links lead: pages of this instance, on which a person presses a button.

Opening a page uses nothing up, since scanners open what people are sent.
"""

from enum import StrEnum

from server.base.secret import Secret
from server.core.work import Work


class Page(StrEnum):
    """A page under `/links/`."""

    VERIFY_EMAIL = "verify-email"
    MAGIC_LINK = "magic"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - a page


def link_to(work: Work, page: Page, token: Secret) -> Secret:
    """The URL of the page with its token."""
    return Secret(f"{work.settings.base_url}/links/{page}?token={token.reveal()}")
