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

from tests.bench.race import Result

_HEADINGS = ("count", "s", "per s", "ratio", "CPU s", "PgSQL", "Kafka", "MB")
_LEGEND = "CPU: seconds per 1,000 interactions, own, PostgreSQL's, Kafka's; MB: its peak memory"


@dataclass(frozen=True, slots=True)
class Row:
    """All runs of one contender in figures; `ratio` is to the baselines run just before and after each of them."""

    name: str
    runs: int
    interactions: int
    seconds: float
    rate: float
    slowest: float
    fastest: float
    ratio: float
    lowest_ratio: float
    highest_ratio: float
    cpu_per_1000: float
    postgres_cpu_per_1000: float
    kafka_cpu_per_1000: float
    peak_rss_mb: float
    published: int


def summary(results: Sequence[Result]) -> list[Row]:
    """`results` alternate: baseline, contender, baseline, contender ... baseline. The baseline's row comes first."""
    floors = results[::2]
    runs: dict[str, list[tuple[Result, float]]] = {}
    for before, result, after in zip(floors, results[1::2], floors[1:], strict=False):
        runs.setdefault(result.name, []).append((result, result.rate / mean((before.rate, after.rate))))
    return [_row([(floor, 1.0) for floor in floors]), *map(_row, runs.values())]


def _row(runs: Sequence[tuple[Result, float]]) -> Row:
    results = [result for result, _ in runs]
    thousands = sum(result.interactions for result in results) / 1000
    ratios = [ratio for _, ratio in runs]
    rates = [result.rate for result in results]
    return Row(
        name=results[0].name,
        runs=len(results),
        interactions=results[0].interactions,
        seconds=mean(result.seconds for result in results),
        rate=mean(rates),
        slowest=min(rates),
        fastest=max(rates),
        ratio=mean(ratios),
        lowest_ratio=min(ratios),
        highest_ratio=max(ratios),
        cpu_per_1000=sum(result.cpu.contender for result in results) / thousands,
        postgres_cpu_per_1000=sum(result.cpu.postgres for result in results) / thousands,
        kafka_cpu_per_1000=sum(result.cpu.kafka for result in results) / thousands,
        peak_rss_mb=max(result.peak_rss for result in results) / 1e6,
        published=round(mean(result.published for result in results)),
    )


def table(rows: Sequence[Row], versions: dict[str, str]) -> Table:
    """For people."""
    floor = rows[0]
    noise = f"{floor.name} ran {floor.runs} times: {floor.slowest:,.0f} to {floor.fastest:,.0f} interactions/s"
    facts = ", ".join(f"{name} {value}" for name, value in versions.items())
    answer = Table(
        title="From topic to topic",
        caption=f"{noise}\n{_LEGEND}\n{facts}",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption_justify="left",
    )
    answer.add_column("contender", no_wrap=True)
    for heading in _HEADINGS:
        answer.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        answer.add_row(
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
    return answer


def _ratio(row: Row) -> str:
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


def write(path: Path, rows: Sequence[Row], **facts: Any) -> None:
    """For programs: the rows and everything needed to run the same again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode({**facts, "rows": rows}), indent=2) + b"\n")
