"""From the metadata of a SAML provider to what is kept of it."""

from dataclasses import dataclass
from datetime import datetime

from server.base.errors import InvalidFields
from server.crypto.certificates import BadCertificate, Certificate, read_certificate
from server.outbound.identity_providers.failures import AnswerRejected
from server.outbound.identity_providers.saml import SamlProvider
from server.outbound.identity_providers.saml_metadata import read_metadata


@dataclass(frozen=True, slots=True)
class DescribedProvider:
    """A provider's metadata, and what they cannot say.

    Args:
        metadata: XML. Who brings it vouches for where it is from.
        entity_id: What the provider calls us, if not by the instance's own entity id.
        email_attribute: Which attribute holds the address; None for the usual ones.
    """

    metadata: bytes
    entity_id: str | None = None
    email_attribute: str | None = None


def saml_provider(described: DescribedProvider, *, now: datetime) -> SamlProvider:
    """The provider that the metadata describe.

    Raises:
        InvalidFields: They describe none, or several, or are out of date, or no certificate counts now.
    """
    try:
        metadata = read_metadata(described.metadata, now=now)
        certificates = [read_certificate(text) for text in metadata.certificates]
    except AnswerRejected as failure:
        raise InvalidFields(fields={"metadata": f"cannot be used ({failure})"}) from failure
    except BadCertificate as bad:
        raise InvalidFields(fields={"metadata": f"has a certificate that cannot be used: {bad}"}) from bad
    if not any(_counts(certificate, now) for certificate in certificates):
        raise InvalidFields(fields={"metadata": "has no certificate that is valid now"})
    return SamlProvider(
        metadata.issuer,
        metadata.sign_in_url,
        tuple(certificate.pem for certificate in certificates),
        described.entity_id,
        described.email_attribute,
    )


def certificates_of(provider: SamlProvider) -> tuple[Certificate, ...]:
    """The provider's certificates, with the times between which they count."""
    return tuple(map(read_certificate, provider.certificates))


def _counts(certificate: Certificate, now: datetime) -> bool:
    return certificate.not_before <= now <= certificate.not_after
