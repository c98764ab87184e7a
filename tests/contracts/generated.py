"""Requests that schemathesis makes from a document, right ones and wrong ones; the same in every run."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.support.contract import contracts

EXAMPLES = 50
MODES = pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"]
)

__all__ = ["EXAMPLES", "MODES", "GenerationMode", "repeatable", "requests", "sent_bytes", "sent_headers"]

repeatable = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    # The product and its rows are the same for all examples of a test on purpose.
    suppress_health_check=list(HealthCheck),
)


@cache
def requests(surface: str, name: str, mode: GenerationMode) -> st.SearchStrategy[Any]:
    """Requests for one operation of a document."""
    contract = contracts()[surface]
    operation = contract.operations[name]
    loaded = schemathesis.openapi.from_dict(json.loads(json.dumps(contract.document)))
    strategy: st.SearchStrategy[Any] = loaded[operation.template][operation.method].as_strategy(
        generation_mode=mode
    )
    return strategy


def sent_bytes(sent: Mapping[str, Any], made_real: Callable[[Any], Any]) -> bytes:
    """The bytes of a generated body, whose JSON or form is what *made_real* makes of it."""
    if "json" in sent:
        return json.dumps(made_real(sent["json"])).encode()
    data = sent.get("data", b"")
    if isinstance(data, Mapping):
        return urlencode(made_real(dict(data)), doseq=True, errors="surrogatepass").encode()
    return data.encode() if isinstance(data, str) else bytes(data or b"")


def sent_headers(sent: Mapping[str, Any], **credentials: str) -> list[tuple[bytes, bytes]]:
    """Those of the generated headers that a server would let through, and the right *credentials*.

    Args:
        credentials: The values of headers; underscores in their names are hyphens.
    """
    own = {name.replace("_", "-"): value for name, value in credentials.items()}
    kept = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in sent["headers"].items()
        if name.lower() not in {"authorization", "connection", *own} and value.isprintable()
    ]
    return [*kept, *((name.encode(), value.encode()) for name, value in own.items())]
