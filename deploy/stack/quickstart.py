"""An archive of Kafka's loaded classes, made once per machine, which halves the time and the work of every start."""

import fcntl
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.stack.jars import KAFKA_VERSION, Progress
from shared.errors import ConfigurationError


def start_archive(
    cache: Path, *, java_version: str, train: Callable[[Path, Path], None], progress: Progress
) -> Path | None:
    """The archive in the cache, made with `train(scratch directory, archive to write)` if it is not there.

    None when it cannot be made: everything works without it, only slower. Java itself checks that the archive fits
    its version and the class path, and passes it over when it does not.
    """
    archive = cache / f"kafka-{KAFKA_VERSION}" / f"java-{java_version}.aot"
    if not archive.exists():
        with archive.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not archive.exists():
                _make(archive, train, progress)
    return archive if archive.stat().st_size else None


def _make(archive: Path, train: Callable[[Path, Path], None], progress: Progress) -> None:
    what = "Training Kafka to start quickly (once, about 15 s)"
    progress(what, 0, 1)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".train-") as scratch:
        draft = Path(scratch) / archive.name
        try:
            train(Path(scratch), draft)
        except ConfigurationError:
            draft.unlink(missing_ok=True)
        if draft.exists():
            draft.rename(archive)
        else:
            archive.touch()  # an empty one says: tried, cannot be made here
    progress(what, 1, 1)
