"""SMS, handed to a provider that speaks Twilio's HTTP API."""

import json
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

import httpx2

from server.base.secret import Secret
from server.base.settings import Settings
from server.outbound.failure import NotSent
from server.outbound.http import NoAnswer, ask

PATH = "/2010-04-01/Accounts/{account}/Messages.json"
MESSAGING_SERVICE = "MG"


@dataclass(frozen=True, slots=True)
class Sms:
    """One SMS to one person.

    Args:
        recipient: The number in E.164 form.
        text: Up to 160 characters of GSM 03.38's alphabet are one segment; the provider splits the rest.
    """

    recipient: str
    text: str = field(repr=False)


class SmsCarrier(Protocol):
    """Whoever takes SMS."""

    async def send(self, sms: Sms) -> None:
        """The SMS is taken.

        Raises:
            NotSent: It is not, as far as anybody knows.
        """


class TwilioCarrier:
    """A provider.

    Args:
        client: What requests are sent with; whoever opened it closes it.
        url: Where the provider is, without a slash at its end.
        account: The account SID, which is in the path and is the user of HTTP Basic.
        token: The auth token, its password.
        sender: A number in E.164 form or a sender id; or the SID of a messaging service (`MG…`).

    Source: Twilio's Messages resource, version 2010-04-01.
    """

    def __init__(
        self, client: httpx2.AsyncClient, *, url: str, account: str, token: Secret, sender: str
    ) -> None:
        self._client = client
        self._url = url + PATH.format(account=quote(account, safe=""))
        self._auth = httpx2.BasicAuth(account, token.reveal())
        self._sender = sender

    async def send(self, sms: Sms) -> None:
        """The provider has taken the SMS.

        Raises:
            NotSent: It has not, as far as anybody knows. For good if it refused the number or the text
                (400); what is wrong between us and it (our password, our account, too many at once) is
                expected to be set right.
        """
        sender = "MessagingServiceSid" if self._sender.startswith(MESSAGING_SERVICE) else "From"
        form = {"To": sms.recipient, sender: self._sender, "Body": sms.text}
        request = self._client.build_request("POST", self._url, data=form)
        try:
            answer = await ask(self._client, request, auth=self._auth)
        except NoAnswer as cause:
            raise NotSent(str(cause)) from cause
        if not httpx2.codes.is_success(answer.status):
            raise NotSent(
                f"refused: {_codes(answer.status, answer.body)}",
                for_good=answer.status == httpx2.codes.BAD_REQUEST,
            )


def provider_of(settings: Settings, client: httpx2.AsyncClient) -> TwilioCarrier | None:
    """The provider that the settings name, if they name one."""
    if not settings.sms_account or settings.sms_token is None or not settings.sms_from:
        return None
    return TwilioCarrier(
        client,
        url=settings.sms_url,
        account=settings.sms_account,
        token=Secret(settings.sms_token.get_secret_value()),
        sender=settings.sms_from,
    )


def _codes(status: int, body: bytes) -> str:
    """The status and, if there is one, the provider's own error code. Its sentence may hold the number."""
    try:
        code = json.loads(body)["code"]
    except (ValueError, KeyError, TypeError):
        return str(status)
    return f"{status}, code {code}" if isinstance(code, int) else str(status)
