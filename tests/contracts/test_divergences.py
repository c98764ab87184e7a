"""Each divergence from a published document has its reason, and goes when it is no longer needed."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from referencing.exceptions import Unresolvable

from tests.support.contract import Answer, Contract, ContractBroken, contract_of, contracts
from tests.support.documents import PUBLISHED, Divergence, divergences

PAGE = Path(__file__).parents[2] / "docs" / "divergences.md"
ADDED = [(name, each) for name in PUBLISHED for each in divergences(name) if each.counterexample is None]
NARROWED = [(name, each) for name in PUBLISHED for each in divergences(name) if each.counterexample]


def named(value: object) -> str | None:
    """A divergence by its id."""
    return value.id if isinstance(value, Divergence) else None


def without(surface: str, divergence: Divergence) -> Contract:
    """The contract as if *divergence* were not there."""
    rest = [each for each in divergences(surface) if each.id != divergence.id]
    return contract_of(surface, rest)


def is_refused(contract: Contract, answer: Answer) -> bool:
    """Whether the contract does not know this answer, or knows it otherwise."""
    operation = contract.operation_of(answer.method, answer.plain_path)
    try:
        if operation is not None:
            contract.check(answer, operation)
        else:
            contract.check_nothing_there(answer, contract.methods_at(answer.plain_path))
    except (ContractBroken, Unresolvable):
        return True
    return False


def where(contract: Contract, example: Mapping[str, Any]) -> str:
    """The JSON pointer of the schema that a counterexample is for."""
    if "schema" in example:
        return f"/components/schemas/{example['schema']}"
    operation, status = contract.operations[example["operation"]], example["status"]
    (media_type,) = operation.description["responses"][status]["content"]
    escaped = media_type.replace("/", "~1")
    return f"{operation.pointer}/responses/{status}/content/{escaped}/schema"


@pytest.mark.parametrize("surface", PUBLISHED)
def test_every_divergence_has_a_name_of_its_own_and_a_reason(surface: str) -> None:
    entries = divergences(surface)

    assert len({each.id for each in entries}) == len(entries)
    assert all(each.reason.endswith(".") and len(each.reason) > 20 for each in entries)


@pytest.mark.parametrize("surface", PUBLISHED)
def test_every_divergence_is_told_to_readers(surface: str) -> None:
    told = PAGE.read_text(encoding="utf-8")

    for each in divergences(surface):
        assert f"`{each.id}`" in told, each.id
        assert all(f"| {row} |" in told for row in re.findall(r"\bD[0-9]+\b", each.reason)), each.reason


@pytest.mark.parametrize(("surface", "divergence"), ADDED, ids=named)
def test_without_the_divergence_an_answer_would_not_be_documented(
    answers: Sequence[Answer], surface: str, divergence: Divergence
) -> None:
    contract = without(surface, divergence)
    own = [answer for answer in answers if answer.headers["x-surface"] == surface]

    assert any(is_refused(contract, answer) for answer in own), "it can be removed"


@pytest.mark.parametrize(("surface", "divergence"), NARROWED, ids=named)
def test_without_the_divergence_a_wrong_value_would_pass(surface: str, divergence: Divergence) -> None:
    example = divergence.counterexample
    assert example is not None

    def passes(contract: Contract) -> bool:
        try:
            is_answer = not example.get("schema", "").endswith("RequestDto")
            contract.check_value(where(contract, example), example["value"], closed=is_answer)
        except ContractBroken:
            return False
        return True

    assert passes(without(surface, divergence))
    assert not passes(contracts()[surface])
