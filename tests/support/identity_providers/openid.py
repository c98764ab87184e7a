"""An OpenID Connect provider, and people at it."""

import re
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx2

from server.base.secret import Secret
from server.outbound.identity_providers.oidc import OidcProvider

MOST_STEPS = 12
_FORM = re.compile(r'action="([^"]+)"')
_PROMPT = re.compile(r'name="prompt" value="([a-z]+)"')
_ABORT = re.compile(r'href="([^"]+/abort)"')


@dataclass(frozen=True)
class OpenIdProvider:
    """npm's `oidc-provider`."""

    issuer: str

    async def client(self, callback_url: str, **metadata: object) -> OidcProvider:
        """A new client of the provider, which comes back to *callback_url*."""
        async with httpx2.AsyncClient() as http:
            answer = await http.post(f"{self.issuer}/reg", json={"redirect_uris": [callback_url], **metadata})
        assert answer.status_code == 201, answer.text
        registered = answer.json()
        secret = registered.get("client_secret")
        return OidcProvider(self.issuer, registered["client_id"], Secret(secret) if secret else None)

    async def rotate_keys(self) -> None:
        """The provider signs with other keys from now on."""
        async with httpx2.AsyncClient() as http:
            (await http.post(f"{self.issuer}/rotate")).raise_for_status()

    async def tell(self, who: str, **claims: object) -> None:
        """The provider tells *claims* about *who* from now on."""
        async with httpx2.AsyncClient() as http:
            (await http.post(f"{self.issuer}/people", json={who: claims})).raise_for_status()

    async def sign_in(self, url: str, who: str | None) -> httpx2.URL:
        """Where a browser ends that is sent to *url*, once its owner typed *who* they are; None gives up."""
        async with httpx2.AsyncClient() as browser:
            answer = await browser.get(url)
            for _ in range(MOST_STEPS):
                if answer.is_redirect:
                    target = urljoin(str(answer.url), answer.headers["location"])
                    if not target.startswith(self.issuer):
                        return httpx2.URL(target)
                    answer = await browser.get(target)
                    continue
                assert answer.status_code == 200, answer.text
                answer = await self._fill_in(browser, answer, who)
        raise AssertionError("the provider never sent the browser back")

    async def _fill_in(
        self, browser: httpx2.AsyncClient, page: httpx2.Response, who: str | None
    ) -> httpx2.Response:
        if who is None:
            (away,) = _ABORT.findall(page.text)
            return await browser.get(urljoin(str(page.url), away))
        (action,), (prompt,) = _FORM.findall(page.text), _PROMPT.findall(page.text)
        typed = {"prompt": prompt} | ({"login": who, "password": "x"} if prompt == "login" else {})
        return await browser.post(urljoin(str(page.url), action), data=typed)
