"""Where a code goes: one mail address or one number."""

from dataclasses import dataclass

from server.base.contact import email_key
from server.base.errors import InvalidFields
from server.core.notifications.model import Channel
from server.core.principals.contacts import email_of, phone_of


@dataclass(frozen=True, slots=True)
class Address:
    """An address in the form in which it is stored."""

    channel: Channel
    text: str

    @property
    def target(self) -> str:
        """What a code is bound to, and what is counted: the number, or the key of the address."""
        return email_key(self.text) if self.channel is Channel.MAIL else self.text


def address_of(email: str | None, phone: str | None) -> Address:
    """The one address that is named.

    Raises:
        InvalidFields: Neither is named, both are, or it is none.
    """
    if (email is None) == (phone is None):
        raise InvalidFields(fields={"email": "either this or a phone is needed, and not both"})
    if email is not None:
        return Address(Channel.MAIL, email_of(email))
    return Address(Channel.SMS, phone_of(phone or ""))
