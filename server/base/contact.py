"""How a person is reached: one spelling of an e-mail address and of a phone number."""

import re
import unicodedata

MAX_EMAIL_CHARACTERS = 254
MAX_LOCAL_PART_CHARACTERS = 64

# What no mailbox has without quotation marks, which nobody has: space, controls, separators of lists.
_NOT_IN_LOCAL_PART = re.compile(r'[\s"(),:;<>@\[\\\]]')
_LABEL = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


def email_address(text: str) -> str | None:
    """*text* as an address, its surrounding white space taken off, in NFC; None if it is none.

    An address has one @, at most 254 characters, 64 of them before the @; what follows are labels of
    letters, digits and hyphens, in any script. Quoted local parts and addresses in brackets are none. The
    casing stays; who compares addresses compares them in lower case. Only a message shows whether somebody
    reads there.

    Source: RFC 5321, sections 4.1.2 and 4.5.3.1; RFC 6531, section 3.3, for other scripts.
    """
    address = unicodedata.normalize("NFC", text.strip())
    local, at, domain = address.partition("@")
    if not at or len(address) > MAX_EMAIL_CHARACTERS or not 0 < len(local) <= MAX_LOCAL_PART_CHARACTERS:
        return None
    if not address.isprintable() or _NOT_IN_LOCAL_PART.search(local):
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    return address if all(_LABEL.fullmatch(label) for label in domain.split(".")) else None


def phone_number(text: str) -> str | None:
    """*text* as a number in E.164 form, spaces, hyphens, dots and parentheses taken out; None if it is none.

    Source: ITU-T E.164: a plus sign, a country code that does not begin with 0, 15 digits at most.
    """
    number = re.sub(r"[ ().-]", "", text.strip())
    return number if _PHONE.fullmatch(number) else None
