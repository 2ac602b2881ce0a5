"""Files that only their owner may read: generated passwords and secrets."""

import os
from pathlib import Path

from shared.errors import ConfigurationError


def make_private_directory(path: Path) -> Path:
    """Create the directory for its owner only, if it is not there. An existing one keeps its mode.

    Raises ConfigurationError when it cannot be had.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"Ebbtide cannot keep data in {path} ({error.strerror}): give another --data directory."
        ) from None
    return path


def write_private(path: Path, text: str) -> None:
    """Replace the file as a whole: readers see the old content or the new one. Mode 0600 from the first byte."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
