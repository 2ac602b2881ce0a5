"""Keeps processes running: one that dies is started again, later and later while it keeps dying, and it is said."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from shared.errors import EbbtideError

FIRST_DELAY = 0.5
# Whatever kept it from running may be over by now: what waits longer than this is noticed by people.
LONGEST_DELAY = 5.0
STEADY_SECONDS = 10.0

Say = Callable[[str], None]


class Running(Protocol):
    """A process, or a server made of one."""

    @property
    def pid(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int | None: ...

    def stop(self, timeout: float) -> bool: ...


@dataclass(slots=True)
class Child:
    """One thing kept running. `restarts` counts how often it had to be started again."""

    name: str
    start: Callable[[], Running]
    running: Running
    restarts: int = 0
    exit_code: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Supervisor:
    """Threads, one per child, so that it works the same under pytest, a command and an event loop."""

    def __init__(self, *, say: Say, changed: Callable[[], None] = lambda: None) -> None:
        """`say` gets a sentence at each event; `changed` is called after a child was started again."""
        self.children: dict[str, Child] = {}
        self._say = say
        self._changed = changed
        self._stopping = threading.Event()
        self._watchers: list[threading.Thread] = []

    def add(self, name: str, start: Callable[[], Running]) -> Child:
        """Start it now, in this thread (what it raises is yours), and keep it running from then on."""
        child = Child(name, start, start())
        self.children[name] = child
        watcher = threading.Thread(target=self._watch, args=(child,), name=f"watch {name}", daemon=True)
        self._watchers.append(watcher)
        watcher.start()
        return child

    def stop(self, timeout: float) -> Sequence[str]:
        """Stop all at the same time, each with `timeout` seconds to drain. Names those that had to be killed."""
        self._stopping.set()
        with ThreadPoolExecutor(max(1, len(self.children))) as pool:
            stops = {name: pool.submit(_stop, child, timeout) for name, child in self.children.items()}
        for watcher in self._watchers:
            watcher.join()
        return [name for name, stopped in stops.items() if not stopped.result()]

    def _watch(self, child: Child) -> None:
        delay = FIRST_DELAY
        while True:
            started = time.monotonic()
            code = child.running.wait()
            if self._stopping.is_set():
                return
            child.exit_code = code
            if time.monotonic() - started > STEADY_SECONDS:
                delay = FIRST_DELAY
            while not self._start_again(child, f"{_ending(child.name, code)}; starting it again in {delay:g} s", delay):
                if self._stopping.is_set():
                    return
                delay = min(delay * 2, LONGEST_DELAY)
            delay = min(delay * 2, LONGEST_DELAY)

    def _start_again(self, child: Child, why: str, delay: float) -> bool:
        self._say(why)
        if self._stopping.wait(delay):
            return False
        with child.lock:
            if self._stopping.is_set():
                return False
            try:
                child.running = child.start()
            except (EbbtideError, OSError) as error:
                self._say(f"{child.name} cannot be started: {error}")
                return False
            child.restarts += 1
        self._say(f"{child.name} runs again (pid {child.running.pid})")
        self._changed()
        return True


def _stop(child: Child, timeout: float) -> bool:
    with child.lock:
        return child.running.stop(timeout)


def _ending(name: str, code: int | None) -> str:
    if code is not None and code > 128:
        return f"{name} was ended by signal {code - 128}"
    return f"{name} ended with exit code {code}"
