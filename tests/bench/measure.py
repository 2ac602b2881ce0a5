"""What a run costs: CPU seconds and memory of a contender, and of PostgreSQL and Kafka while they served it."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds used, user and system, by whom."""

    contender: float
    postgres: float
    kafka: float

    def __sub__(self, earlier: "Cpu") -> "Cpu":
        return Cpu(self.contender - earlier.contender, self.postgres - earlier.postgres, self.kafka - earlier.kafka)


class Meter:
    """Reads the processes of one run. Children count, and so do those of PostgreSQL that have already ended."""

    def __init__(self, contender: list[psutil.Process], postgres: psutil.Process, kafka: psutil.Process) -> None:
        self._contender, self._postgres, self._kafka = contender, postgres, kafka
        self.peak_rss = 0

    def cpu(self) -> Cpu:
        """CPU seconds since each process started."""
        return Cpu(sum(map(_cpu_of_tree, self._contender)), _cpu_of_tree(self._postgres), _cpu_of_tree(self._kafka))

    def watch_memory(self) -> None:
        """Remember the highest resident memory seen, in bytes, summed over the contender's processes."""
        rss = sum(member.memory_info().rss for process in self._contender for member in _tree(process))
        self.peak_rss = max(self.peak_rss, rss)


def listener(address: str) -> psutil.Process:
    """The process that listens on `host:port` of this machine. Raises LookupError when it is elsewhere."""
    port = int(address.rpartition(":")[2])
    for found in psutil.net_connections("tcp"):
        if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
            return psutil.Process(found.pid)
    raise LookupError(f"nothing on this machine listens on {address}: the bench measures servers that run beside it")


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_of_tree(process: psutil.Process) -> float:
    own = process.cpu_times()
    ended = own.children_user + own.children_system
    running = 0.0
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        running += times.user + times.system + times.children_user + times.children_system
    return float(own.user + own.system + ended + running)
