"""Python runs this before anything else of a process that was told `FAULT_HOOKS`: here the changed sources come in."""

import os

if os.environ.get("FAULT_HOOKS"):
    from tests.faults.hooks.loading import install

    install(os.environ)
