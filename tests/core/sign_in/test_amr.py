"""What tokens say of how somebody signed in."""

import pytest

from server.core.sign_in.amr import amr_of, assurance_of


@pytest.mark.parametrize(
    ("proofs", "amr", "assurance"),
    [
        (("pwd",), ("pwd",), 1),
        (("pwd", "otp"), ("pwd", "otp", "mfa"), 2),
        (("pwd", "otp", "mfa"), ("pwd", "otp", "mfa"), 2),
        (("pwd", "otp", "mfa", "sms"), ("pwd", "otp", "sms", "mfa"), 2),
        (("otp", "otp"), ("otp",), 1),
        (("email", "swk"), ("email", "swk", "mfa"), 2),
        ((), (), 1),
    ],
)
def test_two_different_proofs_are_more_than_one(
    proofs: tuple[str, ...], amr: tuple[str, ...], assurance: int
) -> None:
    assert amr_of(proofs) == amr
    assert assurance_of(proofs) == assurance
