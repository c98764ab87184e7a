"""Every documented operation is there, is called, and answers as documented; and there is no other."""

from collections.abc import Sequence

import pytest

from server.app import SURFACES as ALL_SURFACES
from server.surfaces.kit.openapi import openapi_document
from tests.support.contract import Answer, Contract, Operation, contracts
from tests.support.documents import PUBLISHED

SURFACES = {surface.name: surface for surface in ALL_SURFACES}
OPERATIONS = [(contract.surface, name) for contract in contracts() for name in contract.operations]


def operation_of(answer: Answer, contract: Contract) -> Operation | None:
    """The operation of *contract* that gave *answer*."""
    return contract.operation_of(answer.method, answer.plain_path)


@pytest.mark.parametrize(("surface", "name"), OPERATIONS)
def test_the_operation_is_called_and_works(answers: Sequence[Answer], surface: str, name: str) -> None:
    contract = contracts()[surface]

    statuses = {
        answer.status
        for answer in answers
        if (operation := operation_of(answer, contract)) is not None and operation.id == name
    }

    assert any(status < 400 for status in statuses), f"{name} was answered {statuses or 'never'}"


@pytest.mark.parametrize("surface", PUBLISHED)
def test_the_routes_are_the_documented_operations(surface: str) -> None:
    documented = {(each.method, each.template) for each in contracts()[surface].operations.values()}

    assert {(route.method, route.template) for route in SURFACES[surface].routes} == documented


@pytest.mark.parametrize("surface", PUBLISHED)
def test_what_the_product_says_of_itself_is_true_too(answers: Sequence[Answer], surface: str) -> None:
    """The document that is written from the routes, held against the same answers."""
    own = Contract(surface, openapi_document(SURFACES[surface], version="0"))
    checked = 0

    for answer in answers:
        if (operation := operation_of(answer, own)) is not None:
            own.check(answer, operation)
            checked += 1

    assert checked >= len(own.operations)
