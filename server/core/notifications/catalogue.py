"""Every message that the product sends, and the values that each needs.

Besides those, every template can show `app_name` (the realm's application), `at` (the time, in UTC),
`duration` (of those with `minutes`: in the language's words, `15 minutes`) and `factor_name` (of those with
`factor`: `an authenticator app`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from server.core.notifications.model import Channel

ALWAYS = ("app_name", "at")
DERIVED = {"minutes": "duration", "factor": "factor_name"}


@dataclass(frozen=True, slots=True)
class Template:
    """One message.

    Args:
        needs: The values that whoever sends it gives.
        takes: Values that may be left out; they are empty then.
        channels: What it can be sent through.
    """

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = (Channel.MAIL,)

    @property
    def values(self) -> frozenset[str]:
        """All that it can show."""
        given = (*self.needs, *self.takes)
        return frozenset((*ALWAYS, *given, *(DERIVED[name] for name in given if name in DERIVED)))


CATALOGUE: Mapping[str, Template] = {
    # A link that proves who reads the address's mail.
    "verify_email": Template(needs=("link", "minutes")),
    "reset_password": Template(needs=("link", "minutes")),
    "magic_link": Template(needs=("link", "minutes")),
    "invitation": Template(needs=("link", "minutes", "organization"), takes=("inviter", "role")),
    # A code to type: to sign in without a password, and as second factor or to confirm a number.
    "sign_in_code": Template(needs=("code", "minutes"), channels=(Channel.MAIL, Channel.SMS)),
    "sms_code": Template(needs=("code", "minutes"), channels=(Channel.SMS,)),
    # What happened to the account. With a link they lead to where one can secure it.
    "email_changed": Template(takes=("link",)),
    "password_changed": Template(takes=("link",)),
    "factor_added": Template(needs=("factor",), takes=("link",)),
    "factor_removed": Template(needs=("factor",), takes=("link",)),
    "recovery_code_used": Template(needs=("left",), takes=("link",)),
    "identity_linked": Template(needs=("provider",), takes=("link",)),
    "account_locked": Template(takes=("link",)),
    "account_handed_over": Template(),
}
"""By name. `minutes` is a whole number as text; `factor` one of totp, sms, email, push, recovery_code."""
