"""What happens: a phone is invited and enrolled, asked, and answers in every way it can."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import segno

from countersign import AsyncClient, AuthAttempt, AuthAttemptStatus, Decision, Outcome
from device_sim import Device, Invitation, PendingAttempt, Result, Wallet
from server.demo.stage import Stage, StageError
from server.demo.telling import Telling

USER = "jane@example.com"
TITLE = "Payment"
MESSAGE = "Pay 50.00 EUR to Bob's Bikes (invoice 1497)?"
PHONE_PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: the phone, the shop's client, and how to move the server's clock."""

    phone: Device
    shop: AsyncClient
    clock: httpx2.AsyncClient
    telling: Telling


async def tell(stage: Stage, telling: Telling) -> None:
    """Every step came out as told.

    Raises:
        StageError: One did not.
    """
    async with operator_of(stage) as operator:
        integration, key = await prepare_shop(operator, telling)
        invited = await invite(operator, stage, telling, integration)
        clock = httpx2.AsyncClient(base_url=stage.url)
        async with (
            clock,
            await enroll(stage, telling, invited) as phone,
            AsyncClient(stage.url, key["keyId"], key["secret"]) as shop,
        ):
            cast = Cast(phone, shop, clock, telling)
            await approve(cast)
            await deny(cast)
            await wrong_number(cast)
            await let_expire(cast)
            await cancel(cast)
            check_journal(cast)
            keep_phone(stage, phone)
            what_next(stage, telling, key, invited)


@asynccontextmanager
async def operator_of(stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    """The operators' HTTP API, with the key in every request."""
    headers = {"Authorization": f"Bearer {stage.operator_key.reveal()}"}
    async with httpx2.AsyncClient(base_url=f"{stage.url}/api/v1", headers=headers) as operator:
        yield operator


async def post(operator: httpx2.AsyncClient, path: str, **body: object) -> dict[str, Any]:
    """What the operators' API made.

    Raises:
        StageError: It refused.
    """
    answer = await operator.post(path, json=body)
    if answer.status_code != httpx2.codes.CREATED:
        raise StageError(f"POST {path} was answered {answer.status_code}: {answer.text}")
    made: dict[str, Any] = answer.json()
    return made


async def prepare_shop(
    operator: httpx2.AsyncClient, telling: Telling
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A tenant with an integration, and the integration's API key."""
    telling.step("An operator makes a tenant, an integration and its API key")
    suffix = os.urandom(2).hex()
    tenant = await post(operator, "/tenants", name=f"Acme {suffix}", description="Acme Corp")
    integration = await post(
        operator,
        "/integrations",
        tenantId=tenant["id"],
        name="Acme Shop",
        description="Web shop of Acme",
    )
    issued = await post(operator, "/api-keys", integrationId=integration["id"], label="Shop backend")
    key = {"keyId": issued["apiKey"]["keyId"], "secret": issued["secret"]}
    telling.says("operator", f"tenant {tenant['name']} ({tenant['id']})")
    telling.says("operator", f"integration {integration['name']} ({integration['id']})")
    telling.says("operator", f"API key {key['keyId']}, its secret is shown once")
    return integration, key


async def invite(
    operator: httpx2.AsyncClient, stage: Stage, telling: Telling, integration: dict[str, Any]
) -> dict[str, Any]:
    """An enrollment for Jane, as a QR on the terminal and in a file."""
    telling.step("Jane is invited: a QR to scan, and a number that travels by another way")
    invited = await post(
        operator,
        "/enrollments",
        integrationId=integration["id"],
        name="Jane's phone",
        userIdentifier=USER,
    )
    code = segno.make(invited["qr"]["text"], error="m", micro=False)
    code.save(str(stage.qr), scale=8, border=4)
    stage.qr.chmod(0o600)
    code.terminal(compact=True, border=2)
    telling.says("operator", f"saved the QR as {stage.qr}")
    telling.says("operator", f"enrollment challenge {invited['enrollmentChallenge']}")
    return invited


async def enroll(stage: Stage, telling: Telling, invited: dict[str, Any]) -> Device:
    """A simulated phone that read the QR from its file, and is enrolled."""
    telling.step("Jane's phone reads the QR, makes its own key, and enrolls")
    invitation = Invitation.from_png(stage.qr)
    phone = await Device.enroll(invitation, int(invited["enrollmentChallenge"]))
    binding = phone.enrollment.binding
    if binding is None:
        raise StageError("The phone is not bound.")
    telling.says("phone", f"belongs to {binding.integration_name} of {binding.tenant_name}")
    telling.checked("the phone verified the integration's Ed25519 signatures over both answers")
    telling.checked("the server verified the phone's P-256 signature over token, number and key")
    return phone


async def approve(cast: Cast) -> None:
    """Jane approves with the right number."""
    cast.telling.step("The shop asks, Jane approves with the number that the shop shows")
    shown: asyncio.Queue[int] = asyncio.Queue()
    async with _asking(cast, shown) as asking:
        number = await _shown_number(cast, shown, asking)
        attempt = await _on_the_phone(cast)
        _says_result(cast, await cast.phone.approve(attempt, number), "APPROVED")
        _expect(cast, await asking, Decision.APPROVED)


async def deny(cast: Cast) -> None:
    """Jane says no."""
    cast.telling.step("The shop asks again, Jane denies")
    async with _asking(cast) as asking:
        attempt = await _on_the_phone(cast)
        _says_result(cast, await cast.phone.deny(attempt, "MISTAKE"), "DENIED")
        _expect(cast, await asking, Decision.DENIED)


async def wrong_number(cast: Cast) -> None:
    """Somebody types a number that the shop did not show."""
    cast.telling.step("A wrong number: the attempt is over, and the failure counts")
    shown: asyncio.Queue[int] = asyncio.Queue()
    async with _asking(cast, shown) as asking:
        number = await _shown_number(cast, shown, asking)
        attempt = await _on_the_phone(cast)
        wrong = number + 1 if number % 10 < 9 else number - 1  # noqa: PLR2004 - the last digit is another
        cast.telling.says("phone", f"types {wrong} instead of {number}")
        _says_result(cast, await cast.phone.approve(attempt, wrong), "FAILED")
        _expect(cast, await asking, Decision.INVALID)


async def let_expire(cast: Cast) -> None:
    """Nobody answers."""
    cast.telling.step("Nobody answers: the attempt expires (the server's clock is moved for this)")
    attempt = await cast.shop.create(user_identifier=USER, challenge_requested=False, context_title=TITLE)
    waiting = asyncio.create_task(cast.shop.wait(attempt))
    answer = await cast.clock.post("/testing/clock", json={"advanceSeconds": attempt.timeout_seconds + 1})
    answer.raise_for_status()
    cast.telling.says("server", f"{attempt.timeout_seconds + 1} seconds later")
    _expect_status(cast, await waiting, AuthAttemptStatus.EXPIRED)
    (await cast.clock.delete("/testing/clock")).raise_for_status()


async def cancel(cast: Cast) -> None:
    """The shop changes its mind, and an answer that comes late is refused."""
    cast.telling.step("The shop takes a question back")
    attempt = await cast.shop.create(user_identifier=USER, challenge_requested=False, context_title=TITLE)
    _expect_status(cast, await cast.shop.cancel(attempt), AuthAttemptStatus.EXPIRED)
    _expect_status(cast, await cast.shop.cancel(attempt), AuthAttemptStatus.EXPIRED)
    cast.telling.checked("taking it back twice changes nothing")
    if await cast.phone.pending() is not None:
        raise StageError("The phone was given an attempt that was cancelled.")
    cast.telling.checked("nothing waits for the phone any more")


def check_journal(cast: Cast) -> None:
    """Every signed message of the whole story verifies once more."""
    messages = cast.phone.journal
    bad = [message for message in messages if message.signature is not None and message.fault() is not None]
    if bad:
        raise StageError(f"{len(bad)} signatures do not verify.")
    cast.telling.step("Every signature, once more")
    cast.telling.checked(f"all of the last {len(messages)} signed messages verify, in both directions")


def keep_phone(stage: Stage, phone: Device) -> None:
    """The phone is in a wallet, for the countersign-device command."""
    Wallet(stage.wallet).add(phone)


def what_next(stage: Stage, telling: Telling, key: dict[str, Any], invited: dict[str, Any]) -> None:
    """What to try with a server that stays, or how to make it stay."""
    if not stage.keeps:
        telling.closing(
            "What to try next",
            "[bold]make demo KEEP=1[/]   leaves the server running, with the phone and the keys to try it\n"
            "[bold]make serve[/]         a server of your own on http://127.0.0.1:8080\n"
            "[bold]docs/tutorial/first-approval.md[/]   the same, step by step, by hand",
        )
        return
    telling.closing(
        "The server stays. What to try next",
        f"It listens on [bold]{stage.url}[/], its data is in {stage.folder}.\n\n"
        "The phone, in one terminal:\n"
        f"  [bold].venv/bin/countersign-device --wallet {stage.wallet} watch[/]\n\n"
        "The shop, in another:\n"
        f"  [bold]export COUNTERSIGN_URL={stage.url}[/]\n"
        f"  [bold]export COUNTERSIGN_KEY_ID={key['keyId']}[/]\n"
        f"  [bold]export COUNTERSIGN_KEY_SECRET={key['secret']}[/]\n"
        "  [bold].venv/bin/python -c 'import countersign; print(countersign.Client.from_environment()"
        f'.approve("{USER}", "Payment", "50 EUR to Bob?", challenge=True, on_challenge=print))'
        "'[/]\n\n"
        f"The operator:  [bold]curl -H 'Authorization: Bearer {stage.operator_key.reveal()}' "
        f"{stage.url}/api/v1/enrollments/{invited['enrollment']['id']}[/]\n"
        "Stop it:       [bold].venv/bin/countersign demo --stop[/]",
    )


async def _on_the_phone(cast: Cast) -> PendingAttempt:
    """What the phone shows, its signature checked."""
    attempt = await cast.phone.next_attempt(PHONE_PATIENCE_SECONDS)
    if attempt is None:
        raise StageError("Nothing reached the phone.")
    words = f"{attempt.title}: {attempt.message}"
    cast.telling.says("phone", f"shows “{words}”")
    if (attempt.title, attempt.message) != (TITLE, MESSAGE):
        raise StageError("The phone shows something else than was asked.")
    cast.telling.checked("the integration's signature covers exactly these words")
    return attempt


@asynccontextmanager
async def _asking(
    cast: Cast, shown: "asyncio.Queue[int] | None" = None
) -> AsyncIterator["asyncio.Task[Outcome]"]:
    """The shop asks while the block runs; with *shown*, with a number that goes there."""
    asking = asyncio.create_task(
        cast.shop.approve(
            USER, TITLE, MESSAGE, challenge=shown is not None, on_challenge=shown.put if shown else None
        )
    )
    try:
        yield asking
    finally:
        asking.cancel()
        await asyncio.wait((asking,))


async def _shown_number(cast: Cast, shown: "asyncio.Queue[int]", asking: "asyncio.Task[Outcome]") -> int:
    """The number that the shop shows, unless the asking fails before it does."""
    showing = asyncio.create_task(shown.get())
    await asyncio.wait((showing, asking), return_when=asyncio.FIRST_COMPLETED)
    if not showing.done():
        showing.cancel()
        asking.result()
        raise StageError("The shop's question ended before its number was shown.")
    cast.telling.says("shop", f"shows the number {showing.result()}")
    return showing.result()


def _says_result(cast: Cast, result: Result, expected: str) -> None:
    cast.telling.says("phone", f"is told {result.outcome}: {result.message}")
    if result.outcome != expected or not result.proven:
        raise StageError(f"The phone was told {result.outcome}, not a signed {expected}.")
    cast.telling.checked("the result is signed by the integration")


def _expect(cast: Cast, outcome: Outcome, expected: Decision) -> None:
    cast.telling.says("shop", f"is told {outcome.decision}")
    if outcome.decision is not expected:
        raise StageError(f"The shop was told {outcome.decision}, not {expected}.")


def _expect_status(cast: Cast, attempt: AuthAttempt, expected: AuthAttemptStatus) -> None:
    cast.telling.says("shop", f"is told {attempt.status}")
    if attempt.status is not expected:
        raise StageError(f"The shop was told {attempt.status}, not {expected}.")
