"""Step-up in Flask: a payment happens only after its person approved it on their phone.

pip install countersign-sdk flask
python flask_pay.py jane
"""

import re
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Flask, abort, render_template_string, request, session

from countersign import Client, CountersignError

Answer = tuple[dict[str, str], int]

FORM = """
<form method="post">
  <input name="payee" placeholder="Payee"><input name="cents" placeholder="Cents"><button>Pay</button>
</form>
"""

PAGE = """
<p>On your phone, type <strong id="number">{{ number }}</strong></p><p id="state">Waiting for your phone…</p>
<script>
  async function settle() {
    const answer = await fetch({{ url_for("settle", payment_id=payment_id)|tojson }}, {method: "POST"});
    if (answer.status === 202) return settle();
    document.getElementById("state").textContent = (await answer.json()).state;
  }
  settle();
</script>
"""


@dataclass(frozen=True)
class Payment:
    """What was put before the person, and the question about it."""

    user: str
    payee: str
    cents: int
    attempt_id: int


def pay(payment: Payment) -> None:
    """Yours: moves the money."""
    print(f"{payment.user} pays {payment.cents / 100:.2f} € to {payment.payee}")


def signed_in_user() -> str:
    """The user whom your sign-in put into the session. Nothing else says who is asked."""
    user: str | None = session.get("user")
    if not user:
        abort(401)
    return user


def read_order(form: Mapping[str, str]) -> tuple[str, int]:
    """The payee and the cents in *form*."""
    payee, cents = form.get("payee", "").strip(), form.get("cents", "")
    if not payee or not re.fullmatch("[1-9][0-9]{0,8}", cents):
        abort(400)
    return payee, int(cents)


def create_app(client: Client, pay: Callable[[Payment], None] = pay) -> Flask:
    """The shop, asking through *client*."""
    app = Flask(__name__)
    app.secret_key = secrets.token_bytes(
        32
    )  # Yours comes from a setting, so that sessions survive a restart.
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    waiting: dict[str, Payment] = {}  # Yours is a table.

    @app.get("/pay")
    def form() -> str:
        signed_in_user()
        return FORM

    @app.post("/pay")
    def ask() -> str:
        user = signed_in_user()
        payee, cents = read_order(request.form)
        attempt = client.create(
            user_identifier=user,
            challenge_requested=True,
            context_title="Payment",
            context_message=f"{cents / 100:.2f} € to {payee}",
        )
        payment_id = secrets.token_urlsafe()
        waiting[payment_id] = Payment(user, payee, cents, attempt.id)
        return render_template_string(PAGE, number=attempt.challenge, payment_id=payment_id)

    @app.post("/pay/<payment_id>")
    def settle(payment_id: str) -> Answer:
        payment = waiting.get(payment_id)
        if payment is None or payment.user != signed_in_user():
            abort(404)
        attempt = client.wait(payment.attempt_id, deadline_seconds=20)
        if not attempt.ended:
            return {"state": "waiting"}, 202
        if waiting.pop(payment_id, None) is None:  # Of two requests at once, one gets it.
            abort(404)
        if not attempt.approved:
            return {"state": attempt.status.lower()}, 403
        pay(payment)
        return {"state": "paid"}, 200

    @app.errorhandler(CountersignError)
    def could_not_ask(error: CountersignError) -> Answer:
        app.logger.warning("%s: %s", error.code, error)
        return {"state": "could not ask"}, 503

    return app


if __name__ == "__main__":
    shop = create_app(Client.from_environment())

    @shop.get("/sign-in")
    def sign_in() -> str:
        """Stands in for your sign-in."""
        session["user"] = sys.argv[1]
        return "<a href=/pay>Pay</a>"

    print("http://127.0.0.1:5000/sign-in")
    shop.run(port=5000, threaded=True)
