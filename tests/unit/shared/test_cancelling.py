"""What is cancelled ends."""

import asyncio
import gc

from shared.clock import happens, pause
from shared.lifecycle import cancel


async def test_who_did_not_hear_the_first_time_is_asked_again() -> None:
    heard = 0

    async def hard_of_hearing() -> None:
        nonlocal heard
        while heard < 3:
            try:
                await pause(60)
            except asyncio.CancelledError:
                heard += 1

    async def fails() -> None:
        raise RuntimeError("a defect")

    tasks = [asyncio.create_task(work) for work in (hard_of_hearing(), pause(60), fails())]
    await pause(0)
    await cancel(tasks, again=0.01)
    assert heard == 3
    assert all(task.done() for task in tasks)
    assert isinstance(tasks[2].exception(), RuntimeError)


async def test_nobody_hears_of_what_failed_when_it_was_cancelled() -> None:
    async def fails_on_its_way_out() -> None:
        try:
            await pause(60)
        finally:
            raise RuntimeError("a connection that is gone")

    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    fails = [asyncio.create_task(fails_on_its_way_out())]
    await pause(0)
    await cancel(fails)
    fails.clear()
    gc.collect()
    assert complaints == []


async def test_nothing_is_cancelled_at_once() -> None:
    await cancel([])


async def test_who_is_cancelled_when_it_happens_is_cancelled() -> None:
    event = asyncio.Event()
    waits = asyncio.create_task(happens(event, within=60))
    await pause(0)
    event.set()
    waits.cancel()
    await asyncio.wait([waits])
    assert waits.cancelled()


async def test_what_does_not_happen_in_time_did_not() -> None:
    event = asyncio.Event()
    assert not await happens(event, within=0.01)
    event.set()
    assert await happens(event, within=None)
