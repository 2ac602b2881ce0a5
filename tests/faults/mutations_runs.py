"""Runs the tests that must notice a mutation, in a process that has it, and says how they ended."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.faults.hooks.edits import ROOT
from tests.faults.hooks.mutation import Mutation

SITE = Path(__file__).parent / "hooks" / "site"
# A test that waits in vain gives up after 60 s; a mutation has at most two of them.
LONGEST_SECONDS = 420.0
# pytest's lines of what went wrong; those without the E show the source.
_ASSERTION = re.compile(r"^E +(AssertionError.*|assert .*|Failed: DID NOT RAISE.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """How one test ended: `passed`, `failed` with what it asserted, or `broke` in any other way."""

    test: str
    outcome: str
    said: str

    def is_of(self, test: str) -> bool:
        """Whether it is that test, or one of its cases."""
        return test in (self.test, self.test.partition("[")[0])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a mutation. `wrong` is null when all its tests noticed it."""

    name: str
    wrong: str | None
    said: str
    seconds: float


def hooked(folder: Path, *, service: str = "", mutation: str = "") -> dict[str, str]:
    """What a process is told, so that its sources are changed: kill points if it is a `service`, one defect."""
    path = os.pathsep.join(filter(None, (str(SITE), str(ROOT), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "FAULT_HOOKS": str(folder), "FAULT_SERVICE": service, "FAULT_MUTATION": mutation}


def on_stack(kafka_bootstrap: str, admin_dsn: str) -> dict[str, str]:
    """What tests are told that run on a stack which is there already."""
    return {"EBBTIDE_TEST_STACK": "external", "KAFKA_BOOTSTRAP": kafka_bootstrap, "POSTGRES_DSN": admin_dsn}


def judge(mutation: Mutation, folder: Path, environment: Mapping[str, str]) -> Verdict:
    """Run its tests with it. `folder` is empty and its own."""
    began = time.monotonic()
    cases = run_tests(mutation.tests, folder, {**environment, **hooked(folder, mutation=mutation.name)})
    wrong = _wrong(mutation, cases)
    if wrong is None and not (folder / "reached").exists():
        wrong = "its code was never executed"
    said = next((case.said for case in cases if case.outcome == "failed"), "")
    return Verdict(mutation.name, wrong, said, round(time.monotonic() - began, 1))


def run_tests(tests: Sequence[str], folder: Path, environment: Mapping[str, str]) -> list[Case]:
    """How these tests end in a process of their own; a test that has no outcome is not among them."""
    report = folder / "report.xml"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "FAULT_"))}
    try:
        with (folder / "output.txt").open("wb") as output:
            subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests],
                cwd=ROOT,
                env={**inherited, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=LONGEST_SECONDS,
                check=False,
            )
    except subprocess.TimeoutExpired:
        return []
    return read_report(report) if report.exists() else []


def read_report(report: Path) -> list[Case]:
    """The cases of a JUnit file; one that failed and broke besides (in tearing down) is `failed`."""
    cases = []
    for case in ElementTree.parse(report).iter("testcase"):
        test = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '')}"
        troubles = [*case.iter("failure"), *case.iter("error")]
        asserted = next((found[1] for one in troubles if (found := _ASSERTION.search(one.text or ""))), None)
        outcome = "passed" if not troubles else "broke" if asserted is None else "failed"
        said = asserted or next((one.get("message", "") for one in troubles), "")
        cases.append(Case(test, outcome, " ".join(said.split())))
    return cases


def _wrong(mutation: Mutation, cases: Sequence[Case]) -> str | None:
    """Each of the tests fails, with what it asserts: nothing else shows that it noticed."""
    for test in mutation.tests:
        mine = [case for case in cases if case.is_of(test)]
        if not any(case.outcome == "failed" for case in mine):
            broken = next((case.said for case in mine if case.outcome == "broke"), None)
            how = f"broke: {broken}" if broken else "passed" if mine else "did not run"
            return f"{test.rpartition('::')[2]} {how}"
    return None
