"""Step-up in Django: a payment happens only after its person approved it on their phone.

`views` is what to take along; the rest is a project in one file around them.

    pip install countersign-sdk django
    python django_pay.py jane
"""

import re
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.management import call_command
from django.core.wsgi import WSGIHandler, get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.template import engines
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from countersign import Client, CountersignError

logger = getLogger("shop")

FORM = """
<form method="post">{% csrf_token %}
  <input name="payee" placeholder="Payee"><input name="cents" placeholder="Cents"><button>Pay</button>
</form>
"""

PAGE = """
<p>On your phone, type <strong id="number">{{ number }}</strong></p><p id="state">Waiting for your phone…</p>
<form id="settle" action="{% url 'settle' payment_id %}">{% csrf_token %}</form>
<script>
  const form = document.getElementById("settle");
  async function settle() {
    const answer = await fetch(form.action, {method: "POST", body: new FormData(form)});
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


def views(client: Client, pay: Callable[[Payment], None]) -> list[URLPattern]:
    """The shop's pages, asking through *client*. Only `request.user` says who is asked."""
    waiting: dict[str, Payment] = {}  # Yours is a model.

    @login_required
    def ask(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return render(request, FORM)
        user, payee = request.user.get_username(), request.POST.get("payee", "").strip()
        cents = request.POST.get("cents", "")
        if not payee or not re.fullmatch("[1-9][0-9]{0,8}", cents):
            return HttpResponseBadRequest()
        attempt = client.create(
            user_identifier=user,
            challenge_requested=True,
            context_title="Payment",
            context_message=f"{int(cents) / 100:.2f} € to {payee}",
        )
        payment_id = secrets.token_urlsafe()
        waiting[payment_id] = Payment(user, payee, int(cents), attempt.id)
        return render(request, PAGE, number=attempt.challenge, payment_id=payment_id)

    @login_required
    @require_POST
    def settle(request: HttpRequest, payment_id: str) -> HttpResponse:
        payment = waiting.get(payment_id)
        if payment is None or payment.user != request.user.get_username():
            raise Http404
        attempt = client.wait(payment.attempt_id, deadline_seconds=20)
        if not attempt.ended:
            return JsonResponse({"state": "waiting"}, status=202)
        if waiting.pop(payment_id, None) is None:  # Of two requests at once, one gets it.
            raise Http404
        if not attempt.approved:
            return JsonResponse({"state": attempt.status.lower()}, status=403)
        pay(payment)
        return JsonResponse({"state": "paid"})

    return [path("pay", ask), path("pay/<str:payment_id>", settle, name="settle")]


class CouldNotAskMiddleware:
    """Answers 503 where the phone could not be asked: nothing was approved."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer of the rest."""
        return self.get_response(request)

    def process_exception(self, _: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer instead of an error page."""
        if not isinstance(error, CountersignError):
            return None
        logger.warning("%s: %s", error.code, error)
        return JsonResponse({"state": "could not ask"}, status=503)


def render(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    """*template* as a page; yours is a file."""
    return HttpResponse(engines["django"].from_string(template).render(context, request))


urlpatterns: list[URLPattern] = []


def create_app(client: Client, pay: Callable[[Payment], None] = pay) -> WSGIHandler:
    """The shop, asking through *client*. One per process, as always with Django."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["127.0.0.1"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("shop.sqlite3")}},
            INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
            LOGIN_URL="/sign-in",
            MIDDLEWARE=[
                "django.contrib.sessions.middleware.SessionMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                f"{__name__}.CouldNotAskMiddleware",
            ],
            ROOT_URLCONF=__name__,
            SECRET_KEY=secrets.token_urlsafe(50),  # Yours comes from the environment.
            TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        )
        django.setup()
    urlpatterns[:] = views(client, pay)
    return get_wsgi_application()


if __name__ == "__main__":
    create_app(Client.from_environment())

    from django.contrib.auth.models import User  # Models can be imported once there are settings.

    def sign_in(request: HttpRequest) -> HttpResponse:
        """Stands in for your sign-in."""
        login(request, User.objects.get_or_create(username=sys.argv[1])[0])
        return HttpResponse("<a href=/pay>Pay</a>")

    urlpatterns.append(path("sign-in", sign_in))
    call_command("migrate", verbosity=0)
    print("http://127.0.0.1:5000/sign-in")
    call_command("runserver", "127.0.0.1:5000", use_reloader=False)
