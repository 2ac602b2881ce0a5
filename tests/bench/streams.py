"""The peer: a Kafka Streams program (tests/bench/kafka-streams), built by Maven when the bench first needs it."""

import shutil
import subprocess
from pathlib import Path

from shared.errors import ConfigurationError

_PROJECT = Path(__file__).parent / "kafka-streams" / "pom.xml"
_MAIN = "bench.Customers"


def missing_tools() -> list[str]:
    """What this machine lacks to build and run it."""
    return [tool for tool in ("java", "mvn") if shutil.which(tool) is None]


def build_streams(build: Path) -> tuple[str, ...]:
    """Build it into `build`; returns the command that runs it. Raises ConfigurationError with Maven's last words."""
    build.mkdir(parents=True, exist_ok=True)
    command = ["mvn", "-q", "-B", "-f", str(_PROJECT), f"-Dbench.build={build.resolve()}", "package"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigurationError(f"Maven could not build {_PROJECT}: {(done.stdout or done.stderr).strip()[-500:]}")
    return ("java", "-cp", f"{build.resolve()}/classes:{build.resolve()}/jars/*", _MAIN)
