"""`python -m tests.faults.mutations`: breaks each promise on purpose, sees tests fail, writes docs/mutations.md."""

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deploy.stack.embedded import EmbeddedStack
from tests.faults.hooks.mutation import Mutation
from tests.faults.mutations_listed import MUTATIONS
from tests.faults.mutations_runs import judge, on_stack, run_tests
from tests.faults.mutations_table import SAID, remember


@contextlib.contextmanager
def own_stack(folder: Path) -> Iterator[Mapping[str, str]]:
    """Kafka and PostgreSQL for all runs; what tests are told of them."""
    with EmbeddedStack(folder) as stack:
        yield on_stack(stack.kafka_bootstrap, stack.admin_dsn)


def unbroken(mutations: Sequence[Mutation], folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Tests that do not pass though nothing is wrong."""
    tests = list(dict.fromkeys(test for one in mutations for test in one.tests))
    folder.mkdir()
    cases = run_tests(tests, folder, environment)
    return [test for test in tests if {case.outcome for case in cases if case.is_of(test)} != {"passed"}]


def run(mutations: Sequence[Mutation], folder: Path) -> bool:
    """Whether all were noticed; prints a line for each."""
    well = True
    with own_stack(folder / "stack") as environment:
        for one in mutations:
            own = folder / one.name
            own.mkdir()
            verdict = judge(one, own, environment)
            well = well and verdict.wrong is None
            remember(SAID, one.name, verdict.said if verdict.wrong is None else None)
            print(f"{one.name:<40} {verdict.seconds:>6} s  {verdict.wrong or 'noticed: ' + verdict.said}", flush=True)
        if red := unbroken(mutations, folder / "unbroken", environment):
            print("without any mutation these do not pass:", *red, sep="\n  ")
            return False
    print(f"{len(mutations)} mutations; without them all {len(tests_of(mutations))} tests pass")
    return well


def tests_of(mutations: Sequence[Mutation]) -> set[str]:
    """The tests that are to notice these."""
    return {test for one in mutations for test in one.tests}


def main() -> int:
    """0 when every mutation that was run was noticed, and nothing fails without them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="only mutations whose name holds this")
    parser.add_argument("--keep", action="store_true", help="leave what the test runs printed")
    options = parser.parse_args()
    chosen = [one for one in MUTATIONS if not options.only or any(name in one.name for name in options.only)]
    folder = Path(tempfile.mkdtemp(prefix="ebbtide-mutations-"))
    try:
        well = run(chosen, folder)
    finally:
        if options.keep:
            print(f"what the test runs printed is in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
