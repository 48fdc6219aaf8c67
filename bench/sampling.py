"""How scripts time a call; beside them, so that every engine's own Python finds it."""
import time


def sample(run, milliseconds):
    """Nanoseconds of each call until the time is spent, after a warm-up of a quarter of it."""
    times = []
    for budget, keep in ((milliseconds / 4, False), (milliseconds, True)):
        end = time.perf_counter_ns() + budget * 1e6
        calls = 0
        while calls < 3 or time.perf_counter_ns() < end:
            start = time.perf_counter_ns()
            run()
            if keep:
                times.append(time.perf_counter_ns() - start)
            calls += 1
    return times
