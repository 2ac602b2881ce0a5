"""Which release of Ebbtide this is."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The version of the installed package; `unknown` where it is run without being installed."""
    try:
        return version("ebbtide")
    except PackageNotFoundError:
        return "unknown"
