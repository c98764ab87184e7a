"""From what a realm stores to its policy, and from changes to what it stores."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from server.base.errors import InvalidFields
from server.core.realms.policy import MfaMode, SignInPolicy, base_policy, has_second_step
from server.core.realms.rules import RULES

Stored = Mapping[str, object]


def policy_of(surface: str, stored: Stored) -> SignInPolicy:
    """The policy of a realm of this surface that stores these differences.

    Raises:
        ValueError: What is stored is not what `changed` gave.
    """
    if not stored:
        return base_policy(surface)
    values: dict[str, Any] = {
        name: RULES[name].read(value) for name, value in stored.items() if name in RULES
    }
    return replace(base_policy(surface), **values)


def changed(surface: str, stored: Stored, changes: Stored) -> dict[str, object]:
    """What a realm stores after *changes*.

    Args:
        changes: New values by the rules' names, as JSON has them; None puts back what the realms of the
            surface start from.

    Raises:
        InvalidFields: There is no such rule, the value is none of its own, a token would outlive its
            session, or a second factor is demanded where none can be asked for; the field is the rule's name.
    """
    after = dict(stored)
    wrong: dict[str, str] = {}
    for name, value in changes.items():
        if name not in RULES:
            wrong[name] = "is not a rule of sign-in"
        elif value is None:
            after.pop(name, None)
        else:
            try:
                RULES[name].read(value)
            except ValueError as refused:
                wrong[name] = str(refused)
            else:
                after[name] = list(value) if isinstance(value, tuple) else value
    if wrong:
        raise InvalidFields(fields=wrong)
    policy = policy_of(surface, after)
    if policy.session_seconds < policy.access_token_seconds:
        raise InvalidFields(fields={"session_seconds": "must not be less than access_token_seconds"})
    if policy.mfa is MfaMode.REQUIRED and not has_second_step(surface):
        raise InvalidFields(fields={"mfa": "cannot be required here: this sign-in has no second step"})
    return after


@lru_cache(maxsize=4096)
def policy_of_text(surface: str, stored: str) -> SignInPolicy:
    """As `policy_of`, from the JSON text of the column. Kept: realms are read far more often than changed."""
    return policy_of(surface, json.loads(stored))


def parsed(assignments: Mapping[str, str]) -> dict[str, object]:
    """What somebody wrote on the command line, as *changes*: an empty text is None."""
    return {
        name: None if not text else RULES[name].parse(text) if name in RULES else text
        for name, text in assignments.items()
    }
