"""What changed sources call: a point that kills or delays when it is armed, and a mark that they were reached."""

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to happen at a point: who comes there stands still for `seconds`, and then the process is killed, or not.

    From the `nth` time on that it is passed by one process; `once`, or as long as it is armed.
    """

    act: Literal["kill", "wait"] = "kill"
    nth: int = 1
    seconds: float = 0.0
    once: bool = True


def arm(folder: Path, service: str, point: str, order: Order) -> None:
    """From now on the processes of this service obey."""
    for kind in ("armed", "struck"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    (folder / "struck" / f"{service}.{point}").unlink(missing_ok=True)
    written = folder / f"{service}.{point}.new"
    written.write_text(json.dumps(asdict(order)), encoding="utf-8")
    written.rename(folder / "armed" / f"{service}.{point}")


def disarm(folder: Path, service: str, point: str) -> None:
    """No longer."""
    (folder / "armed" / f"{service}.{point}").unlink(missing_ok=True)


def has_struck(folder: Path, service: str, point: str) -> bool:
    """Whether a process has obeyed an order that was to be obeyed once."""
    return (folder / "struck" / f"{service}.{point}").exists()


class Hooks:
    """Of one process. `folder` holds the orders, and what became of them."""

    def __init__(self, folder: Path, service: str) -> None:
        self._folder = folder
        self._service = service
        self._passed: dict[tuple[str, int], int] = {}
        self._was_reached = False

    async def point(self, name: str) -> None:
        """Somebody passes this point. Costs a look for a file while it is not armed."""
        armed = self._folder / "armed" / f"{self._service}.{name}"
        try:
            order = Order(**json.loads(armed.read_text(encoding="utf-8")))
            which = (name, armed.stat().st_mtime_ns)
        except FileNotFoundError:
            return
        self._passed[which] = self._passed.get(which, 0) + 1
        if self._passed[which] < order.nth:
            return
        if order.once:
            try:
                armed.rename(self._folder / "struck" / armed.name)
            except FileNotFoundError:
                return  # another process was faster
        from shared.clock import pause  # not before: its own source may be a changed one

        await pause(order.seconds)
        if order.act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)

    def reached(self) -> None:
        """The defect is being executed: leaves a file that says so."""
        if not self._was_reached:
            self._was_reached = True
            with (self._folder / "reached").open("a", encoding="utf-8") as file:
                file.write(f"{os.getpid()}\n")
