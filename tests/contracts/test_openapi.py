"""Whoever reads /openapi.json of a service can write a client: all is described, with examples that are true."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tests.support.documents import SERVICES, Operation, openapi_documents, operations

ALL = [operation for service in SERVICES for operation in operations(service)]
PUBLIC = [operation for operation in ALL if operation.path.startswith("/v1/")]
PROBLEM = "application/problem+json"


def faults(content: dict[str, Any], service: str) -> Iterator[str]:
    """What is missing or untrue in one body: by media type its schema and example."""
    for media_type, body in content.items():
        schema = body.get("schema")
        if not schema:
            yield f"{media_type} has no schema"
            continue
        examples = (
            [body["example"]] if "example" in body else [one["value"] for one in body.get("examples", {}).values()]
        )
        examples = examples or schema.get("examples") or [_by_property(schema, service)]
        whole = {**schema, "components": openapi_documents()[service]["components"]}
        for example in examples:
            if example is None:
                yield f"{media_type} has no example"
            else:
                yield from (f"{media_type}: {error.message}" for error in jsonschema_rs.iter_errors(whole, example))


def _by_property(schema: dict[str, Any], service: str) -> dict[str, Any] | None:
    """The example that the properties of an object make, if each of them has one."""
    name = schema.get("$ref", "").rpartition("/")[2]
    properties = openapi_documents()[service]["components"]["schemas"].get(name, schema).get("properties", {})
    if not properties or not all("examples" in one for one in properties.values()):
        return None
    return {name: one["examples"][0] for name, one in properties.items()}


@pytest.mark.parametrize("operation", ALL, ids=str)
def test_an_operation_says_what_it_is_for_and_what_it_answers(operation: Operation) -> None:
    assert operation.said["summary"]
    wrong = {}
    for status, response in operation.said["responses"].items():
        assert response["description"], status
        assert response.get("content") or status == "204", f"{status} has no body"
        if found := list(faults(response.get("content", {}), operation.service)):
            wrong[status] = found
    assert not wrong


@pytest.mark.parametrize("operation", PUBLIC, ids=str)
def test_an_operation_says_which_problems_there_may_be(operation: Operation) -> None:
    said = operation.said["responses"]
    expected = {"401", "403", "503"} if "security" in operation.said else set()
    expected |= {"404"} if "{" in operation.path else set()
    expected |= {"422"} if operation.said.get("parameters") or "requestBody" in operation.said else set()
    assert expected <= set(said)
    for status, response in said.items():
        if status >= "400":
            example = response["content"][PROBLEM]["example"]
            assert (example["status"], bool(example["code"])) == (int(status), True)


@pytest.mark.parametrize("operation", PUBLIC, ids=str)
def test_what_an_operation_takes_is_described_with_an_example(operation: Operation) -> None:
    if body := operation.said.get("requestBody"):
        assert not list(faults(body["content"], operation.service))
    for parameter in operation.said.get("parameters", ()):
        schema = parameter["schema"]
        examples = [parameter["example"]] if "example" in parameter else schema.get("examples", [])
        assert parameter.get("description"), f"{parameter['name']} is not described"
        assert examples, f"{parameter['name']} has no example"
        whole = {**schema, "components": openapi_documents()[operation.service]["components"]}
        assert all(jsonschema_rs.is_valid(whole, example) for example in examples), parameter["name"]


def test_every_operation_of_a_service_but_those_of_operators_and_mail_takes_a_key() -> None:
    open_to_all = {operation.path for operation in PUBLIC if "security" not in operation.said}
    assert open_to_all == {"/v1/unsubscribe/{token}"}
