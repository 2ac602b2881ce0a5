"""What is said of every operation in /openapi.json is said here, once: problems as they leave, and well-known ids."""

from typing import Any

from fastapi import FastAPI

from shared.http.problems import PROBLEM_JSON, TITLES, Problem

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_SAYS = {
    400: ("not_json", "Send JSON in UTF-8."),
    401: ("bad_key", "Send a valid key as `Authorization: Bearer <key>`."),
    403: ("missing_scope", "This key lacks the scope customers:read."),
    404: ("not_found", "Nothing has this id."),
    408: ("body_timeout", "The body did not arrive within 15 seconds."),
    409: ("conflict", "It is no longer in a state in which this can be done."),
    413: ("body_too_large", "Send at most 1048576 bytes."),
    415: ("media_type", "Send one of: application/cloudevents+json, application/json."),
    422: ("not_valid", "limit: Input should be less than or equal to 1000"),
    429: ("rate_limited", "This key sends too much at once."),
    503: ("not_available", "Try again shortly."),
}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait.", "example": 1}}
_IDS = {
    "customer_id": ("The id of a customer, `items[].customer_id` of a list.", "2c1f4d3e-95f1-5d34-8a55-9a1d2f6f0a11"),
    "alert_id": ("The id of an alert, `items[].alert_id` of a list.", "7b0e3f5a-8f61-5a0e-9d5c-5f3f1f1d2c22"),
    "notification_id": (
        "The id of a notification, `items[].notification_id` of a list.",
        "9d2a1c44-1b2f-5c3d-8e4f-0a1b2c3d4e5f",
    ),
    "quarantine_id": (
        "The id of a refused record, `items[].quarantine_id` of the list.",
        "0f9ab0c4-6a5e-5f5b-9d59-1d8c3c2a7c11",
    ),
    "token": ("The last part of the link in the mail.", "2c1f4d3e95f15d348a559a1d2f6f0a11.c2lnbmF0dXJl"),
}


def describe_operations(app: FastAPI) -> None:
    """From now on the document of `app` says of each operation how its errors really look.

    An operation that declares an error with its own body keeps that body and gets the problem beside it.
    """
    derive = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = derive()
            _finish(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the framework's own way to change the document


def _finish(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"), Problem=problem)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            for status in _always(path, operation):
                responses.setdefault(status, {"description": TITLES[int(status)]})
            for status, response in responses.items():
                if status[0] in "45" and path.startswith("/v1/"):
                    _problem(int(status), response)
                for body in response.get("content", {}).values():
                    _restore_nulls(body.get("schema", {}), body.get("example"), schemas)
            operation["responses"] = dict(sorted(responses.items()))
            for parameter in operation.get("parameters", ()):
                _identify(parameter)
            if "security" in operation:
                operation["security"] = _alternatives(operation["security"])


def _alternatives(security: list[dict[str, list[str]]]) -> list[dict[str, list[str]]]:
    """A list of scopes would mean all of them; one is enough."""
    scopes = dict.fromkeys(scope for one in security for names in one.values() for scope in names)
    return [{name: [scope]} for name in security[0] for scope in scopes]


def _always(path: str, operation: dict[str, Any]) -> list[str]:
    """What may be answered whatever the route does."""
    found = ["401", "403", "429", "503"] if "security" in operation else []
    found += ["400", "408", "413"] if "requestBody" in operation else []
    found += ["422"] if "{" in path or "parameters" in operation or "requestBody" in operation else []
    return found + (["404"] if "{" in path else [])


def _problem(status: int, response: dict[str, Any]) -> None:
    content = response.setdefault("content", {})
    derived = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    if derived.endswith(("/Problem", "/HTTPValidationError")):
        del content["application/json"]
    if response["description"] == "Validation Error":
        response["description"] = TITLES[422]
    given = content.setdefault(PROBLEM_JSON, {})
    given.setdefault("schema", _PROBLEM)
    code, detail = _SAYS[status]
    example = {"type": "about:blank", "title": TITLES[status], "status": status, "detail": detail, "code": code}
    given.setdefault("example", example)
    if status in (429, 503):
        response.setdefault("headers", {}).update(_RETRY_AFTER)


def _restore_nulls(schema: Any, example: Any, schemas: dict[str, Any]) -> None:
    """The framework drops every null from a document, also those that an example must have to be true."""
    if not isinstance(schema, dict):
        return  # true: anything may stand there
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if isinstance(example, list):
        for item in example:
            _restore_nulls(schema.get("items", {}), item, schemas)
    if not isinstance(example, dict):
        return
    for choice in schema.get("anyOf", ()):
        _restore_nulls(choice, example, schemas)
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in example and _may_be_null(properties.get(name, {})):
            example[name] = None
    for name, value in example.items():
        _restore_nulls(properties.get(name, schema.get("additionalProperties")), value, schemas)


def _may_be_null(schema: dict[str, Any]) -> bool:
    kinds = [schema, *schema.get("anyOf", ())]
    return any(kind.get("type") == "null" or "null" in (kind.get("type") or ()) for kind in kinds)


def _identify(parameter: dict[str, Any]) -> None:
    if parameter["name"] in _IDS:
        description, example = _IDS[parameter["name"]]
        parameter.setdefault("description", description)
        parameter.setdefault("example", example)
