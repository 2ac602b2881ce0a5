"""The one table of a bench and its JSON."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec
import psutil
from rich.box import SIMPLE_HEAD
from rich.table import Table

from tests.bench.latency import Latency
from tests.bench.lateness import Lateness
from tests.bench.race import Result
from tests.bench.storage import Stored
from tests.bench.whole import Part

_HEADINGS = ("count", "s", "per s", "ratio", "CPU s", "PgSQL", "Kafka", "MB")
_LEGEND = "CPU: seconds per 1,000 interactions, own, PostgreSQL's, Kafka's; MB: its peak memory"


@dataclass(frozen=True, slots=True)
class Row:
    """All runs of one contender in figures. `ratio` is to the runs of `floor` next before and after each of them; it is
    null when there are none."""

    name: str
    floor: str
    runs: int
    interactions: int
    seconds: float
    rate: float
    slowest: float
    fastest: float
    ratio: float | None
    lowest_ratio: float | None
    highest_ratio: float | None
    cpu_per_1000: float
    postgres_cpu_per_1000: float
    kafka_cpu_per_1000: float
    peak_rss_mb: float
    published: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A contender without figures, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a bench found. `parts` and `stored` are those of whole systems, by the name of their row."""

    rows: Sequence[Row]
    parts: dict[str, Sequence[Part]]
    stored: dict[str, Stored]
    latency: Latency | None
    lateness: Lateness | None
    failures: Sequence[Failure]


def summary(results: Sequence[Result]) -> list[Row]:
    """A row for each name, in the order of first appearance. `results` are in the order in which they ran."""
    runs: dict[str, list[tuple[Result, float | None]]] = {}
    for place, result in enumerate(results):
        around = [_next_floor(result, reversed(results[:place])), _next_floor(result, results[place + 1 :])]
        rates = [floor.rate for floor in around if floor is not None]
        ratio = 1.0 if result.name == result.floor else result.rate / mean(rates) if rates else None
        runs.setdefault(result.name, []).append((result, ratio))
    return [_row(found) for found in runs.values()]


def _next_floor(result: Result, others: Any) -> Result | None:
    return next((other for other in others if other.name == result.floor), None)


def _row(runs: Sequence[tuple[Result, float | None]]) -> Row:
    results = [result for result, _ in runs]
    thousands = sum(result.interactions for result in results) / 1000
    ratios = [ratio for _, ratio in runs if ratio is not None]
    rates = [result.rate for result in results]
    return Row(
        name=results[0].name,
        floor=results[0].floor,
        runs=len(results),
        interactions=results[0].interactions,
        seconds=mean(result.seconds for result in results),
        rate=mean(rates),
        slowest=min(rates),
        fastest=max(rates),
        ratio=mean(ratios) if ratios else None,
        lowest_ratio=min(ratios, default=None),
        highest_ratio=max(ratios, default=None),
        cpu_per_1000=sum(result.cpu.contender for result in results) / thousands,
        postgres_cpu_per_1000=sum(result.cpu.postgres for result in results) / thousands,
        kafka_cpu_per_1000=sum(result.cpu.kafka for result in results) / thousands,
        peak_rss_mb=max(result.peak_rss for result in results) / 1e6,
        published=round(mean(result.published for result in results)),
    )


def table(report: Report, versions: dict[str, str]) -> Table:
    """For people."""
    floors = [row for row in report.rows if row.name == row.floor]
    noise = "; ".join(
        f"{row.name} ran {row.runs} times: {row.slowest:,.0f} to {row.fastest:,.0f} per s" for row in floors
    )
    facts = ", ".join(f"{name} {value}" for name, value in versions.items())
    answer = Table(
        title="From topic to topic, and from HTTP to alert",
        caption=f"{noise}\n{_LEGEND}\nratio: to the baseline with the same batch, run before and after\n{facts}",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption_justify="left",
    )
    answer.add_column("contender", no_wrap=True)
    for heading in _HEADINGS:
        answer.add_column(heading, justify="right", no_wrap=True)
    for row in report.rows:
        answer.add_row(*_cells(row))
        for part in report.parts.get(row.name, ()):
            cpu = f"{part.cpu / row.interactions * 1000:.3f}"
            memory = f"{part.peak_rss / 1e6:.0f}" if part.peak_rss else ""
            answer.add_row(f"  {part.name}", "", "", "", "", cpu, "", "", memory, style="dim")
    for cells in (*_latency_cells(report.latency), *_lateness_cells(report.lateness)):
        answer.add_row(*cells)
    for failure in report.failures:
        answer.add_row(failure.name, "failed", style="red")
    return answer


def storage_lines(report: Report) -> list[str]:
    """Bytes that a whole system stores for an interaction, on an average of its run."""
    counts = {row.name: row.interactions for row in report.rows}
    return [
        f"{name}: bytes per interaction, {what}: "
        + ", ".join(f"{part} {size / counts[name]:,.0f}" for part, size in sizes.items())
        for name, stored in report.stored.items()
        for what, sizes in (("tables", stored.tables), ("topics", stored.topics))
        if sizes and name in counts
    ]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.interactions:,}",
        f"{row.seconds:.1f}",
        f"{row.rate:,.0f}",
        _ratio(row),
        f"{row.cpu_per_1000:.3f}",
        f"{row.postgres_cpu_per_1000:.3f}",
        f"{row.kafka_cpu_per_1000:.3f}",
        f"{row.peak_rss_mb:.0f}",
    )


def _latency_cells(latency: Latency | None) -> list[tuple[str, ...]]:
    if latency is None:
        return []
    figures = {"p50": latency.p50, "p95": latency.p95, "p99": latency.p99, "longest": latency.longest}
    rate = f"{latency.per_second:,}"
    cpu, thousands = latency.cpu, latency.interactions / 1000
    costs = [f"{used / thousands:.3f}" for used in (cpu.contender, cpu.postgres, cpu.kafka)]
    alerts = f"{latency.alerts:,}"
    rows = [(f"accepted to alert, {name}", alerts, f"{value:.3f}", rate) for name, value in figures.items()]
    return [*rows, ("  meanwhile", f"{latency.interactions:,}", "", rate, "", *costs)]


def _lateness_cells(lateness: Lateness | None) -> list[tuple[str, ...]]:
    if lateness is None:
        return []
    figures = {"p50": lateness.p50, "p99": lateness.p99, "longest": lateness.longest}
    rate = f"{lateness.due / lateness.within_seconds:,.0f}"
    cpu, memory = f"{lateness.cpu / lateness.due * 1000:.3f}", f"{lateness.peak_rss / 1e6:.0f}"
    rows = [(f"due to published, {name}", f"{lateness.due:,}", f"{value:.3f}", rate) for name, value in figures.items()]
    start = f"start with {lateness.customers:,} customers"
    return [*rows, (start, "", f"{lateness.start_seconds:.1f}", "", "", cpu, "", "", memory)]


def _ratio(row: Row) -> str:
    if row.ratio is None or row.lowest_ratio is None or row.highest_ratio is None:
        return "?"
    if row.ratio < 0.1:
        return f"1/{1 / row.ratio:.0f}"
    spread = (row.highest_ratio - row.lowest_ratio) / 2
    return f"{row.ratio:.2f} ±{spread:.2f}" if spread else f"{row.ratio:.2f}"


def machine(postgres: str) -> dict[str, str]:
    """What the figures were measured on."""
    return {
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Python": platform.python_version(),
        "PostgreSQL": postgres,
    }


def write(path: Path, report: Report, **facts: Any) -> None:
    """For programs: everything found, and everything needed to run the same again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {name: getattr(report, name) for name in ("rows", "parts", "stored", "latency", "lateness", "failures")}
    path.write_bytes(msgspec.json.format(msgspec.json.encode({**facts, **found}), indent=2) + b"\n")
