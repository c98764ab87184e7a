"""Addresses and numbers under which people are reached, or a refusal that names the field."""

from server.base.contact import email_address, phone_number
from server.base.errors import InvalidFields


def email_of(text: str) -> str:
    """*text* as an e-mail address, trimmed and in NFC, in its casing: `server.base.contact.email_address`.

    Raises:
        InvalidFields: It is none; the field is `email`.
    """
    email = email_address(text)
    if email is None:
        raise InvalidFields(fields={"email": "must be an email address"})
    return email


def phone_of(text: str) -> str:
    """*text* as a phone number in E.164 form: `server.base.contact.phone_number`.

    Raises:
        InvalidFields: It is none; the field is `phone`.
    """
    phone = phone_number(text)
    if phone is None:
        raise InvalidFields(fields={"phone": "must be a phone number in E.164 form, such as +15551234567"})
    return phone
