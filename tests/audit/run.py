"""`make audit`: writes build/sbom.json (CycloneDX) and asks OSV about every package of requirements.txt.

Exit code 1 when something is vulnerable. Where OSV cannot be asked it says so, and that nothing was audited.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
_FOUND = 1


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of it; `answered`: whether there was anybody to ask."""

    answered: bool
    vulnerable: bool
    said: str


def pins(requirements: str) -> list[str]:
    """`name==version` with its marker, of every package of a requirements file."""
    lines = (line.strip().rstrip("\\").strip() for line in requirements.splitlines())
    return [line for line in lines if line and not line.startswith(("#", "--hash"))]


def lock(requirements: Path, folder: Path) -> None:
    """Make a project of exactly these packages in `folder`, locked. Raises CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = "".join(f"    {pin!r},\n" for pin in pins(requirements.read_text(encoding="utf-8")))
    project = f'[project]\nname = "ebbtide"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = [\n{listed}]\n'
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    _uv(folder, "lock", "--quiet").check_returncode()


def write_sbom(folder: Path, target: Path) -> None:
    """The list of packages as CycloneDX 1.5. Raises CalledProcessError."""
    _uv(folder, "export", "--quiet", "--frozen", "--format", "cyclonedx1.5", "-o", str(target)).check_returncode()


def audit(folder: Path, *, service: str | None = None) -> Audit:
    """Ask OSV, or the service given, about what is locked in `folder`."""
    preview = ("--preview-features", "audit-command")
    done = _uv(folder, "audit", "--frozen", *preview, *(("--service-url", service) if service else ()))
    said = (done.stdout + done.stderr).strip()
    return Audit(answered=done.returncode in (0, _FOUND), vulnerable=done.returncode == _FOUND, said=said)


def _uv(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "20"}
    return subprocess.run(
        [str(UV), *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def main() -> int:
    folder, sbom = ROOT / "build" / "audit", ROOT / "build" / "sbom.json"
    lock(ROOT / "requirements.txt", folder)
    write_sbom(folder, sbom)
    print(f"{sbom.relative_to(ROOT)}: what production is made of")
    found = audit(folder)
    if not found.answered:
        print(f"NOT AUDITED: no vulnerability service answers here.\n{found.said.splitlines()[-1]}")
        return 0
    print(found.said)
    return 1 if found.vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
