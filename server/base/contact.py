"""How a person is reached: one spelling of an e-mail address and of a phone number."""

import re
import unicodedata

import idna

MAX_EMAIL_CHARACTERS = 254
MAX_LOCAL_PART_CHARACTERS = 64

# What no mailbox has without quotation marks, which nobody has: space, controls, separators of lists.
_NOT_IN_LOCAL_PART = re.compile(r'[\s"(),:;<>@\[\\\]]')
_LABEL = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
# A number as people write it, one part of it in parentheses. A "(0)" is dialled only where no country code
# is: kept, it would make another number of the same one.
_WRITTEN_PHONE = re.compile(r"\+[0-9][0-9 .-]*(?:\((?!0\))[0-9]+\)[0-9 .-]*)?")

_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def email_address(text: str) -> str | None:
    """*text* as an address, its surrounding white space taken off, in NFC; None if it is none.

    An address has one @, at most 254 characters, 64 of them before the @; what follows are labels of
    letters, digits and hyphens, in any script, each one that `ascii_domain` takes. Quoted local parts and
    addresses in brackets are none. The casing stays; who compares addresses compares their `email_key`. Only
    a message shows whether somebody reads there.

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
    return address if ascii_domain(domain) is not None else None


def email_key(address: str) -> str:
    """What all spellings of one address have in common, and no other address has: it is what is compared.

    NFC, the domain as `ascii_domain` has it, A to Z in lower case in the local part, and every other letter
    as it is: a dotted or dotless I, a long s or a letter of another script is the same as none of them,
    whatever a language or a database takes for its lower case. What is no address has a key that no address
    has.
    """
    local, at, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    known = ascii_domain(domain)
    return f"{_lower(local)}{at}{_lower(domain) if known is None else known}"


def ascii_domain(domain: str) -> str | None:
    """*domain*, in NFC, as the name system has it: A-labels, in lower case; None if it is no domain's name.

    A label in another script must be as it is registered. Nothing is taken for something else that looks like
    it or might be its lower case, as UTS 46 would: of those, two names are two owners.

    Source: RFC 5891, section 5; RFC 5890, section 2.3.2.1.
    """
    labels: list[str] = []
    for label in domain.split("."):
        known = _ascii_label(label)
        if known is None:
            return None
        labels.append(known)
    return ".".join(labels)


def _ascii_label(label: str) -> str | None:
    if not _LABEL.fullmatch(label):
        return None
    lower = _lower(label)
    if lower.isascii():
        return lower
    try:
        return idna.alabel(lower).decode("ascii")
    except idna.IDNAError:
        return None


def _lower(text: str) -> str:
    """*text* with A to Z, and nothing else, in lower case."""
    return text.translate(_ASCII_LOWER)


def phone_number(text: str) -> str | None:
    """*text* as a number in E.164 form; None if it is none.

    Spaces, hyphens and dots are taken out, and one pair of parentheses around digits; "(0)" makes it none.

    Source: ITU-T E.164: a plus sign, a country code that does not begin with 0, 15 digits at most.
    """
    written = text.strip()
    if not _WRITTEN_PHONE.fullmatch(written):
        return None
    number = re.sub(r"[ ().-]", "", written)
    return number if _PHONE.fullmatch(number) else None
