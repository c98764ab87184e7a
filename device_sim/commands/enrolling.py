"""`enroll`: from an invitation to an active enrollment."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from device_sim.commands.running import MAX_NUMBER, REFUSED, Phone, WalletOption, ask_number, explained
from device_sim.device import Device
from device_sim.enrollment import Binding, StorageTier
from device_sim.errors import EntryExists, ServerRefused
from device_sim.invitation import Invitation
from device_sim.terminal import explain, note, safe, say_done
from device_sim.wallet import Wallet
from device_sim.wallet_entry import WalletEntry

TRIES = 3
_REFUSED_DATA = 400


def enroll(
    *,
    qr: Annotated[
        Path | None, typer.Option("--qr", metavar="FILE", help="A PNG picture of the enrollment QR.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="JSON", help="The QR's text, or `id|token`; `-` reads it from stdin."),
    ] = None,
    identifier: Annotated[
        int | None,
        typer.Option("--id", min=1, max=MAX_NUMBER, help="The enrollment's number, together with --token."),
    ] = None,
    token: Annotated[str | None, typer.Option("--token", help="The enrollment's proof token.")] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="The server, if the invitation does not say, or to use another."),
    ] = None,
    challenge: Annotated[
        int | None,
        typer.Option(
            "--challenge", "-c", min=0, max=MAX_NUMBER, help="The enrollment's number; asked for if left out."
        ),
    ] = None,
    ed25519: Annotated[bool, typer.Option("--ed25519", help="Make an Ed25519 key instead of P-256.")] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="What to call it in the wallet; else after the integration.")
    ] = None,
    tier: Annotated[
        StorageTier, typer.Option("--tier", help="What to tell the server about how the key is kept.")
    ] = "NONE",
    wallet: WalletOption = None,
) -> None:
    """Enroll this simulated phone: bind, then verify with the number that came by another way.

    The invitation is a QR picture, the QR's text, or an id and a token. If the server refuses the number, run
    the same command again with another one: the bound enrollment is kept in the wallet. The third wrong
    number ends an enrollment.
    """
    with explained(), asyncio.Runner() as runner:
        invitation = _invitation(qr, text, identifier, token)
        device = Device.invited(invitation, base_url=url, algorithm="Ed25519" if ed25519 else "P-256")
        store = Wallet(wallet)
        entry = store.find(device.enrollment)
        if entry is None:
            store.insist_on_room(name)
            entry = _bound(runner, device, store, name)
        elif entry.enrollment.verified:
            raise EntryExists(f"This enrollment is in the wallet already, as {entry.name}")
        else:
            note(f"Going on with {entry.name}, which is bound but not verified.")
        phone = Phone(store, entry, runner)
        try:
            _verify(phone, challenge, tier)
        finally:
            runner.run(phone.device.aclose())


def _invitation(qr: Path | None, text: str | None, identifier: int | None, token: str | None) -> Invitation:
    ways = [qr is not None, text is not None, identifier is not None or token is not None]
    if sum(ways) != 1 or (identifier is None) != (token is None):
        raise typer.BadParameter("give one invitation: --qr FILE, --text JSON, or --id together with --token")
    if qr is not None:
        return Invitation.from_png(qr)
    if text is not None:
        return Invitation.parse(sys.stdin.read() if text == "-" else text)
    return Invitation.parse(f"{identifier}|{token}")


def _bound(runner: asyncio.Runner, device: Device, wallet: Wallet, name: str | None) -> WalletEntry:
    try:
        binding = runner.run(device.bind())
    finally:
        runner.run(device.aclose())
    say_done("The bind answer is signed by the integration")
    entry = wallet.add(device, name)
    note(f"Bound to {_described(binding)}; kept in the wallet as {entry.name}.")
    return entry


def _verify(phone: Phone, challenge: int | None, tier: StorageTier) -> None:
    tries = 1 if challenge is not None else TRIES
    for left in reversed(range(tries)):
        number = challenge if challenge is not None else ask_number("The enrollment's number")
        try:
            message = phone.run(phone.device.verify(number, storage_tier=tier))
        except ServerRefused as refused:
            explain(refused)
            if left and refused.status == _REFUSED_DATA:
                continue
            note(
                f"{phone.name} stays in the wallet, bound but not active. Run the same command again to try "
                f"another number, or `countersign-device remove {phone.name}`."
            )
            raise typer.Exit(REFUSED) from refused
        say_done("The verify answer is signed by the integration")
        say_done(f"Enrolled as {phone.name} ({phone.device.enrollment.key.algorithm}): {safe(message)}")
        return


def _described(binding: Binding) -> str:
    names = (binding.integration_name, binding.tenant_name, binding.enrollment_name)
    return ", ".join(safe(name) for name in names if name) or "an integration without a name"
