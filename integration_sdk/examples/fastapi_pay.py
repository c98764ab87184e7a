"""Step-up in FastAPI: a payment happens only after its person approved it on their phone.

The front end shows `number` and posts to `/pay/{payment}` until that no longer answers 202.

    pip install countersign-sdk fastapi itsdangerous uvicorn
    python fastapi_pay.py jane
"""

import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from logging import getLogger
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.middleware.sessions import SessionMiddleware

from countersign import AsyncClient, CountersignError

logger = getLogger("shop")


@dataclass(frozen=True)
class Payment:
    """What was put before the person, and the question about it."""

    user: str
    payee: str
    cents: int
    attempt_id: int


class Order(BaseModel):
    """What the browser asks for. It does not say for whom."""

    payee: Annotated[str, Field(min_length=1, max_length=100)]
    cents: Annotated[int, Field(gt=0)]


class Question(BaseModel):
    """What the browser shows while the phone asks: the number to type there."""

    payment: str
    number: int | None


def pay(payment: Payment) -> None:
    """Yours: moves the money."""
    print(f"{payment.user} pays {payment.cents / 100:.2f} € to {payment.payee}")


def signed_in_user(request: Request) -> str:
    """The user whom your sign-in put into the session. Nothing else says who is asked."""
    user: str | None = request.session.get("user")
    if not user:
        raise HTTPException(401)
    return user


User = Annotated[str, Depends(signed_in_user)]


def create_app(client: AsyncClient, pay: Callable[[Payment], None] = pay) -> FastAPI:
    """The shop, asking through *client*, which it closes when it stops serving."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)
    # Yours takes its key from a setting, so that sessions survive a restart.
    app.add_middleware(SessionMiddleware, secret_key=secrets.token_hex(32), same_site="lax")
    waiting: dict[str, Payment] = {}  # Yours is a table.

    @app.post("/pay")
    async def ask(order: Order, user: User) -> Question:
        attempt = await client.create(
            user_identifier=user,
            challenge_requested=True,
            context_title="Payment",
            context_message=f"{order.cents / 100:.2f} € to {order.payee}",
        )
        payment_id = secrets.token_urlsafe()
        waiting[payment_id] = Payment(user, order.payee, order.cents, attempt.id)
        return Question(payment=payment_id, number=attempt.challenge)

    @app.post("/pay/{payment_id}")
    async def settle(payment_id: str, user: User) -> JSONResponse:
        payment = waiting.get(payment_id)
        if payment is None or payment.user != user:
            raise HTTPException(404)
        attempt = await client.wait(payment.attempt_id, deadline_seconds=20)
        if not attempt.ended:
            return JSONResponse({"state": "waiting"}, 202)
        if waiting.pop(payment_id, None) is None:  # Of two requests at once, one gets it.
            raise HTTPException(404)
        if not attempt.approved:
            return JSONResponse({"state": attempt.status.lower()}, 403)
        pay(payment)
        return JSONResponse({"state": "paid"})

    @app.exception_handler(CountersignError)
    async def could_not_ask(_: Request, error: CountersignError) -> JSONResponse:
        logger.warning("%s: %s", error.code, error)
        return JSONResponse({"state": "could not ask"}, 503)

    return app


if __name__ == "__main__":
    shop = create_app(AsyncClient.from_environment())

    @shop.get("/sign-in")
    async def sign_in(request: Request) -> str:
        """Stands in for your sign-in."""
        request.session["user"] = sys.argv[1]
        return "signed in: POST /pay, for example from /docs"

    print("http://127.0.0.1:5000/sign-in")
    uvicorn.run(shop, port=5000)
