"""A property-based fuzzer over an OpenAPI document: what it sends and what it expects follow from the document.

Beside inputs of its own making it tries the boundaries of each schema, other methods and requests without the key.
"""

import json
import os
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

# Without these two the run is the same each time and takes seconds: what CI wants.
EXAMPLES = int(os.environ.get("EBBTIDE_FUZZ_EXAMPLES", "6"))
SEED = int(os.environ.get("EBBTIDE_FUZZ_SEED", "0"))
# What lies at the boundaries of each schema is the same each time and takes minutes.
BOUNDARIES = EXAMPLES >= 20


@dataclass(slots=True)
class Report:
    """Answers by operation and status, and what was wrong with them: each finding once, with how to repeat it."""

    answers: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    findings: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"  {name}: {sum(seen.values())} {dict(sorted(seen.items()))}" for name, seen in self.answers.items()]
        return "\n".join([*lines, *(f"FOUND {what}\n  {how}" for what, how in self.findings.items())])


def fuzz(url: str, *, key: str | None, known: Mapping[str, str], examples: int = EXAMPLES) -> Report:
    """Blocks until everything in the document at `url` was tried, `examples` times and more per operation.

    `known` are values of parameters by name that lead to something.

    Semantics are not in a document (an event may be well-formed and in the future), so that what fits the schema is
    refused is no finding. All else is: 5xx, statuses, media types, bodies and headers that are not documented.
    """
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=30) as answer:
        document = _without_tuples(json.load(answer))
    for operation in (one for item in document["paths"].values() for one in item.values()):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in known:
                parameter["example"] = known[parameter["name"]]
    configured = {
        "base-url": url,
        "seed": SEED,
        "request-timeout": 30,
        "continue-on-failure": True,
        "cache": {"enabled": False},
        "headers": {"Authorization": f"Bearer {key}"} if key else {},
        "generation": {"max-examples": examples, "no-shrink": True, "deterministic": SEED == 0},
        "checks": {"positive_data_acceptance": {"enabled": False}, "negative_data_rejection": {"enabled": False}},
        "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": BOUNDARIES}},
        "suppress-health-check": ["filter_too_much", "too_slow", "data_too_large"],
    }
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(configured))
    report = Report()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            for name, status in _answers(event.recorder):
                report.answers[name][status] += 1
            report.findings |= dict(_findings(event.recorder))
        elif isinstance(event, events.NonFatalError):
            report.findings[f"{event.label}: {event.value!r}"] = "the fuzzer could not go on with it"
        elif isinstance(event, events.FatalError):
            raise event.exception
    return report


def _without_tuples(node: Any) -> Any:
    """Schemathesis 4.32 makes `prefixItems` what an older draft calls `items`, and then finds that invalid."""
    if isinstance(node, dict):
        return {name: _without_tuples(value) for name, value in node.items() if name != "prefixItems"}
    return [_without_tuples(value) for value in node] if isinstance(node, list) else node


def _answers(recorder: ScenarioRecorder) -> Iterator[tuple[str, int]]:
    for interaction in recorder.interactions.values():
        if interaction.response is not None:
            yield recorder.label, interaction.response.status_code


def _findings(recorder: ScenarioRecorder) -> Iterator[tuple[str, str]]:
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                request = recorder.interactions[case_id].request
                how = {"method": request.method, "uri": request.uri, "body": request.body, "answer": failure.message}
                yield f"{recorder.label}: {check.name}: {failure.title}", json.dumps(how, default=repr)[:2_000]
