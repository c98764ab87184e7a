"""`list`, `inspect` and `remove`: what is in the wallet."""

import hashlib
import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from device_sim.commands.running import JsonOption, NameArgument, WalletOption, explained
from device_sim.encoding import b64_decode
from device_sim.enrollment import Enrollment
from device_sim.journal import SignedMessage
from device_sim.terminal import CROSS, TICK, note, output, safe, say_done, segments_table
from device_sim.wallet import Wallet
from device_sim.wallet_entry import WalletEntry


def list_entries(*, as_json: JsonOption = False, wallet: WalletOption = None) -> None:
    """List the enrollments in the wallet."""
    with explained():
        entries = Wallet(wallet).entries()
    if as_json:
        typer.echo(json.dumps([_summary(entry) for entry in entries], indent=2))
        return
    if not entries:
        note("The wallet is empty. `countersign-device enroll --help` says how to fill it.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "integration", "enrollment", "server", "key", "state"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        enrollment = entry.enrollment
        table.add_row(
            entry.name,
            Text(safe((enrollment.binding and enrollment.binding.integration_name) or "")),
            str(enrollment.enrollment_id),
            Text(safe(enrollment.base_url)),
            enrollment.key.algorithm,
            _state(enrollment),
        )
    output.print(table)


def inspect(name: NameArgument = None, *, as_json: JsonOption = False, wallet: WalletOption = None) -> None:
    """Show keys, the last signed messages, and whether each signature holds."""
    with explained():
        store = Wallet(wallet)
        entries = store.entries() if name is None else (store.entry(name),)
    if as_json:
        typer.echo(json.dumps([_details(entry) for entry in entries], indent=2))
        return
    if not entries:
        note("The wallet is empty.")
    for entry in entries:
        _show(entry)


def remove(
    name: Annotated[str, typer.Argument(help="Which enrollment, by its name in the wallet.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wallet: WalletOption = None,
) -> None:
    """Remove an enrollment and its key from the wallet. The server is not told: revoke it there too."""
    with explained():
        store = Wallet(wallet)
        store.entry(name)
        if not yes:
            typer.confirm(f"Remove {name} and its private key for good?", abort=True, err=True)
        store.remove(name)
    say_done(f"{name} is gone from the wallet")


def _show(entry: WalletEntry) -> None:
    enrollment, binding = entry.enrollment, entry.enrollment.binding
    output.print(Text(entry.name, style="bold"))
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    rows = [
        ("server", enrollment.base_url),
        ("enrollment", f"{enrollment.enrollment_id}, {_state(enrollment)}"),
        ("added", entry.added_at.isoformat(sep=" ", timespec="seconds")),
        (f"device key ({enrollment.key.algorithm})", enrollment.key.public_key),
        ("its SHA-256", _fingerprint(enrollment)),
    ]
    if binding is not None:
        rows += [
            ("integration key (Ed25519)", binding.integration_public_key),
            ("integration", binding.integration_name or ""),
            ("its description", binding.integration_description or ""),
            ("enrollment's name", binding.enrollment_name or ""),
            ("tenant", binding.tenant_name or ""),
        ]
    for label, value in rows:
        if value:
            facts.add_row(f"  {label}", Text(safe(value)))
    output.print(facts)
    for message in entry.messages:
        _show_message(message)
    output.print()


def _show_message(message: SignedMessage) -> None:
    fault = message.fault()
    direction = "to the server" if message.signer == "device" else "from the server"
    verdict = f"signed by the {message.signer}" if fault is None else f"refused: {fault}"
    output.print(
        Text.assemble(
            "  ",
            TICK if fault is None else CROSS,
            (message.string.kind, "bold"),
            f" {direction} at {message.at.isoformat(sep=' ', timespec='seconds')}, {safe(verdict)}",
        )
    )
    output.print(segments_table(message.string.shown()))


def _summary(entry: WalletEntry) -> dict[str, Any]:
    enrollment, binding = entry.enrollment, entry.enrollment.binding
    return {
        "name": entry.name,
        "baseUrl": enrollment.base_url,
        "enrollmentId": enrollment.enrollment_id,
        "integrationName": binding and binding.integration_name,
        "enrollmentName": binding and binding.enrollment_name,
        "tenantName": binding and binding.tenant_name,
        "algorithm": enrollment.key.algorithm,
        "state": _state(enrollment),
        "addedAt": entry.added_at.isoformat(),
    }


def _details(entry: WalletEntry) -> dict[str, Any]:
    binding = entry.enrollment.binding
    return _summary(entry) | {
        "devicePublicKey": entry.enrollment.key.public_key,
        "integrationPublicKey": binding and binding.integration_public_key,
        "messages": [
            {
                "at": message.at.isoformat(),
                "kind": message.string.kind,
                "signer": message.signer,
                "segments": dict(message.string.shown()),
                "signature": message.signature,
                "valid": fault is None,
                "fault": fault,
            }
            for message in entry.messages
            for fault in (message.fault(),)
        ],
    }


def _state(enrollment: Enrollment) -> str:
    return "active" if enrollment.verified else "bound"


def _fingerprint(enrollment: Enrollment) -> str:
    return hashlib.sha256(b64_decode(enrollment.key.public_key)).hexdigest()
