"""The Java archives of Apache Kafka: named and hashed in a checked-in lock file, fetched once, always verified."""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigurationError

KAFKA_VERSION = "4.2.0"
_LOCK = Path(__file__).with_name(f"kafka-{KAFKA_VERSION}.lock")
_ENDPOINTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
_PARALLEL = 6

Progress = Callable[[str, int, int], None]
Download = Callable[["Jar", Path], Path]


@dataclass(frozen=True, slots=True)
class Jar:
    """One archive and the SHA-256 its content must have."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def line(self) -> str:
        return f"{self.sha256}  {self.group}:{self.artifact}:{self.version}"


def cache_directory() -> Path:
    """Where downloads are kept between runs: EBBTIDE_CACHE, else `ebbtide` in the user's cache directory."""
    chosen = os.environ.get("EBBTIDE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ebbtide"


def locked_jars() -> tuple[Jar, ...]:
    """What the lock file names, in its order (which is the class path's)."""
    lines = _LOCK.read_text(encoding="ascii").splitlines()
    return tuple(Jar(digest, *name.split(":")) for digest, name in (line.split() for line in lines))


def download_jar(jar: Jar, scratch: Path) -> Path:
    """Fetch one archive from the package index into `scratch`; raises whatever goes wrong on the way."""
    try:
        from jgo.maven import MavenContext
    except ModuleNotFoundError:
        raise ConfigurationError(
            "The embedded stack needs more packages: run `pip install 'ebbtide[stack]'`, or use --stack external."
        ) from None
    context = MavenContext(repo_cache=scratch, timeout=60)
    path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    return Path(path)


def kafka_class_path(cache: Path, *, progress: Progress, download: Download = download_jar) -> str:
    """The class path of Apache Kafka, every archive on it verified just now; fetches what the cache lacks.

    Raises ConfigurationError when something cannot be fetched, or is not what the lock file says.
    """
    folder = cache / f"kafka-{KAFKA_VERSION}"
    jars = locked_jars()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two first runs at once fetch once
            missing = [jar for jar in jars if not _is_genuine(folder / jar.file_name, jar)]
            if missing:
                _fetch(missing, folder, progress, download)
    except OSError as error:
        raise ConfigurationError(
            f"Ebbtide cannot keep its downloads in {folder} ({error.strerror}): set EBBTIDE_CACHE to another directory."
        ) from None
    return os.pathsep.join(str(folder / jar.file_name) for jar in jars)


def print_progress(what: str, done: int, total: int) -> None:
    """One line on standard error, rewritten on a terminal; first and last only where there is none."""
    if sys.stderr.isatty():
        print(f"\r{what}: {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done in (0, total):
        print(f"{what}: {done}/{total}", file=sys.stderr, flush=True)


def _is_genuine(path: Path, jar: Jar) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def _fetch(jars: list[Jar], folder: Path, progress: Progress, download: Download) -> None:
    what = f"Fetching Apache Kafka {KAFKA_VERSION} (once, 43 MB)"
    progress(what, 0, len(jars))
    for archive in folder.glob("java-*.aot"):
        archive.unlink()  # it fits only the very files it was made from
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch, ThreadPoolExecutor(_PARALLEL) as pool:
        fetches = [pool.submit(_fetch_one, jar, Path(scratch), folder, download) for jar in jars]
        try:
            for done, fetch in enumerate(as_completed(fetches), start=1):
                fetch.result()
                progress(what, done, len(jars))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch_one(jar: Jar, scratch: Path, folder: Path, download: Download) -> None:
    try:
        got = download(jar, scratch)
    except ConfigurationError:
        raise
    except Exception as error:  # jgo raises whatever its HTTP library does
        raise ConfigurationError(
            f"{jar.file_name} of Apache Kafka could not be fetched ({type(error).__name__}); check the network or the "
            "proxy settings and try again: what is there already is kept."
        ) from error
    if not _is_genuine(got, jar):
        raise ConfigurationError(
            f"{jar.file_name} as fetched is not the file that {_LOCK.name} names (its SHA-256 differs), so it was "
            "thrown away; check the package mirror in use."
        )
    shutil.move(got, folder / jar.file_name)


def write_lock() -> None:
    """Resolve Kafka anew and rewrite the lock file (for a new version; `python -m deploy.stack.jars`)."""
    import jgo

    found = {(a.groupId, a.artifactId, a.version) for endpoint in _ENDPOINTS for a in jgo.resolve(endpoint)}
    with tempfile.TemporaryDirectory() as scratch:
        jars = []
        for name in sorted(found):
            path = download_jar(Jar("", *name), Path(scratch))
            jars.append(Jar(hashlib.sha256(path.read_bytes()).hexdigest(), *name))
    _LOCK.write_text("".join(f"{jar.line()}\n" for jar in jars), encoding="ascii")


if __name__ == "__main__":
    write_lock()
