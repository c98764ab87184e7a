"""What a device knows about an enrollment, and what it is asked and told."""

from dataclasses import dataclass, field
from typing import Literal

from device_sim.keys import DeviceKey

StorageTier = Literal["NONE", "STANDARD", "STRONG"]
Outcome = Literal["APPROVED", "DENIED", "FAILED", "EXPIRED"]


@dataclass(frozen=True, slots=True)
class Binding:
    """What the integration said about itself at bind, under its signature."""

    integration_public_key: str
    integration_name: str | None = None
    integration_description: str | None = None
    enrollment_name: str | None = None
    tenant_id: int | None = None
    tenant_name: str | None = None
    tenant_description: str | None = None
    is_system_integration: bool | None = None
    admin_type: str | None = None


@dataclass(frozen=True, slots=True)
class Enrollment:
    """One user on one device with one integration.

    `binding` is there after bind; `verified` is true after verify.
    """

    base_url: str
    enrollment_id: int
    proof_token: str = field(repr=False)
    key: DeviceKey
    binding: Binding | None = None
    verified: bool = False


@dataclass(frozen=True, slots=True)
class DeviceProof:
    """A deviceProofToken and the device's signature over it."""

    token: str = field(repr=False)
    signature: str


@dataclass(frozen=True, slots=True)
class PendingAttempt:
    """What the integration asks, under its signature. Titles and messages are as received, not in NFC."""

    attempt_id: int
    proof_token: str = field(repr=False)
    challenge_required: bool
    title: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an answer.

    `proven` is False when the server sent no signature; the outcome is then FAILED, whatever it claimed.
    """

    attempt_id: int
    outcome: Outcome
    message: str
    proven: bool


@dataclass(frozen=True, slots=True)
class InstanceInfo:
    """What the instance says about itself, under the integration's signature."""

    auth_api_public_base_url: str | None
    instance_name: str | None
    instance_description: str | None
    about_url: str | None
