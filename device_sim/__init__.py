"""A simulated phone for testers: enrolls, is asked, answers, and checks every signature.

It is another party than the server and shares no code with it.

    async with await Device.enroll(Invitation.parse(qr_text), challenge) as device:
        attempt = await device.pending(wait_seconds=30)
        if attempt is not None:
            result = await device.approve(attempt, 42)
"""

from device_sim.device import Device
from device_sim.enrollment import (
    Binding,
    DeviceProof,
    Enrollment,
    InstanceInfo,
    Outcome,
    PendingAttempt,
    Result,
    StorageTier,
)
from device_sim.errors import (
    DeviceError,
    EntryExists,
    ExtraMissing,
    IntegrationSignatureInvalid,
    InvitationInvalid,
    MalformedAnswer,
    NoSuchEntry,
    RateLimited,
    ServerRefused,
    ServerUnreachable,
    StepMissing,
    WalletDamaged,
    WalletError,
    WalletNotPrivate,
)
from device_sim.invitation import Invitation
from device_sim.journal import SignedMessage
from device_sim.keys import Algorithm, DeviceKey, Ed25519Key, P256Key, Signer, load_device_key, new_device_key
from device_sim.messages import DenyReason, PushProvider, SignedString
from device_sim.wallet import Wallet
from device_sim.wallet_entry import WalletEntry

__all__ = [
    "Algorithm",
    "Binding",
    "DenyReason",
    "Device",
    "DeviceError",
    "DeviceKey",
    "DeviceProof",
    "Ed25519Key",
    "Enrollment",
    "EntryExists",
    "ExtraMissing",
    "InstanceInfo",
    "IntegrationSignatureInvalid",
    "Invitation",
    "InvitationInvalid",
    "MalformedAnswer",
    "NoSuchEntry",
    "Outcome",
    "P256Key",
    "PendingAttempt",
    "PushProvider",
    "RateLimited",
    "Result",
    "ServerRefused",
    "ServerUnreachable",
    "SignedMessage",
    "SignedString",
    "Signer",
    "StepMissing",
    "StorageTier",
    "Wallet",
    "WalletDamaged",
    "WalletEntry",
    "WalletError",
    "WalletNotPrivate",
    "load_device_key",
    "new_device_key",
]
