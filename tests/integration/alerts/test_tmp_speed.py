import cProfile
import gc
import pstats
import time

from services.alerts.domain.snapshots import ProfilePart
from tests.integration.alerts.bench import *


async def test_speed(bench):
    gc.set_threshold(200_000, 20, 20)
    bench.clock.move_to(day(300))
    def batch(v, extra):
        return [profile(*(((f"shop:{n}", d + n % 5)) for d in [0, 20, 60, 170, 200 + extra]), version=v, references=[f"shop:{n}"]) for n in range(10000)]
    for v, extra in ((1, 0), (2, 0), (3, 0), (4, 2)):
        raws = batch(v, extra)
        rec0 = time.perf_counter()
        recs = received(raws, ProfilePart)
        t = time.perf_counter()
        pr = cProfile.Profile() if v == 3 else None
        if pr: pr.enable()
        async with bench.database.transaction() as connection:
            out = await bench.batches.on_profiles(connection, recs)
        if pr:
            pr.disable(); pstats.Stats(pr).sort_stats("tottime").print_stats(14)
        d = time.perf_counter() - t
        print(f"\nbatch {v}: decode+enc {t-rec0:.2f}s handle {d:.2f} s -> {10000/d:.0f}/s, published {len(out.publications)}")
