"""How somebody proved who they are, in the words that tokens use. Source: RFC 8176, section 2.

    pwd   a password                              sms   a code sent to a number
    otp   a code of an authenticator app          swk   a phone that was asked, with its key
    email a mailed code or link                   rcv   a recovery code
    fed   an identity provider vouched            mfa   two of these

`email`, `rcv` and `fed` are ours: the registry has none for them. A key's hardware is not proved to us, so a
phone is `swk` and never `hwk`.
"""

from collections.abc import Iterable

from server.core.realms.policy import AMR_MULTIPLE

PWD = "pwd"  # noqa: S105 - the word for one
OTP = "otp"
SMS = "sms"
SWK = "swk"
EMAIL = "email"
RECOVERY = "rcv"
FEDERATED = "fed"


def amr_of(proofs: Iterable[str]) -> tuple[str, ...]:
    """What a token says of these *proofs*: each once, in their order, and `mfa` if they are two or more."""
    methods = tuple(dict.fromkeys(proof for proof in proofs if proof != AMR_MULTIPLE))
    return (*methods, AMR_MULTIPLE) if len(methods) > 1 else methods


def assurance_of(amr: Iterable[str]) -> int:
    """1, or 2 for somebody who proved two things: it is computed, and nowhere stored."""
    return 2 if AMR_MULTIPLE in amr_of(amr) else 1
