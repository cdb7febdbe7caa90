"""The studio's own description of its API, taken at its word: whatever may be asked by it, and much that may
not, is answered as it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mountfs import wire
from tests.studio.online.test_access import LINES, ROOT
from tests.studio.online.town import ALLOWED, Town

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

ENDLESS = "GET /api/v1/projects/{project}/events"
"""Its answer has no end, so only who may begin it is asked (in `test_access`)."""

DESCRIBED = sorted(set(LINES) - {ENDLESS, f"GET {wire.API}/openapi.json"})

FEW, MANY = 20, 400


@pytest.fixture(scope="module")
def operations(town: Town) -> dict[str, Any]:
    with town.client(town.token(ALLOWED)) as client:
        description = client.get(f"{wire.API}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(description)
    schema.config.update(base_url=town.online.url)
    results: Any = schema.get_all_operations()
    found = (each.ok() for each in results)
    return {f"{each.method.upper()} {each.path}": each for each in found}


def fuzz(town: Town, operations: dict[str, Any], request: str, examples: int) -> None:
    """Ask in many ways; each answer is one of those that are described."""
    operation = operations[request]
    secret = town.new_secret()
    real = {
        "project": town.id,
        "asset": secret.asset,
        "thing": secret.asset,
        "checkpoint": secret.checkpoint,
    }
    tokens = Tokens(town, ROOT if LINES[request].allowed == ROOT else ALLOWED)
    kinds = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples == FEW,  # what everybody runs is the same for everybody
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(kinds, st.sets(st.sampled_from(sorted(real))), st.integers(0, 5))
    def ask(case: Any, known: set[str], is_here: int) -> None:
        if is_here:  # else all that is learnt is that it is not
            known |= {"project"}
        for name in known & set(case.path_parameters or ()):
            case.path_parameters[name] = real[name]
        answer = case.call(headers={"Authorization": f"Bearer {next(tokens)}"}, timeout=60)
        case.validate_response(answer, checks=CHECKS)

    ask()


class Tokens(Iterator[str]):
    """A session that works, for each request: one of them may end those before."""

    def __init__(self, town: Town, username: str) -> None:
        self._town = town
        self._username = username

    def __next__(self) -> str:
        return self._town.token(self._username)


@pytest.mark.parametrize("request_", DESCRIBED)
def test_every_answer_is_one_that_is_described(town: Town, operations: dict[str, Any], request_: str):
    """No fault of the server, no status and no shape that the description does not have."""
    fuzz(town, operations, request_, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("request_", DESCRIBED)
def test_every_answer_of_very_many_is(town: Town, operations: dict[str, Any], request_: str):
    """The same, for longer."""
    fuzz(town, operations, request_, MANY)
