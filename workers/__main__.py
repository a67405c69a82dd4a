"""Door two: time and effects. `python -m workers` ticks until it is told to stop; APScheduler only keeps the beat."""

import argparse
import logging
import signal
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from apscheduler.schedulers.blocking import BlockingScheduler

from relais.settings import settings
from workers.demo import advance
from workers.drain import deliver, prepare, send_codes
from workers.inventaire import inspect
from workers.means import Means, means_from
from workers.menage import forget
from workers.ticks import do_all_due, escalate, transmit

Tick = Callable[[Means], int]

TICKS: tuple[tuple[Tick, int], ...] = (
    (escalate, 1),
    (send_codes, 1),
    (deliver, 1),
    (prepare, 1),
    (transmit, 5),
    (forget, 3600),
    (inspect, 3600),
)
"""What ticks, and every how many seconds. A tick lost is made good by the next."""


def run(means: Means) -> None:
    """Tick until SIGTERM or Ctrl-C; what is under way is finished, the rest waits for another worker."""
    scheduler = BlockingScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for tick, seconds in TICKS:
        scheduler.add_job(_guarded(tick, means), "interval", seconds=seconds, next_run_time=datetime.now(UTC))

    def stop(*_: object) -> None:
        means.stopping.set()
        scheduler.shutdown(wait=True)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    scheduler.start()


def _guarded(tick: Tick, means: Means) -> Callable[[], None]:
    """One failed tick is a line in the log, never the end of the beat."""

    def guarded() -> None:
        try:
            tick(means)
        except Exception:
            logging.getLogger("relais.ticks").exception("%s failed; the next one tries again", tick.__name__)

    return guarded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument("--une-fois", action="store_true", help="do all that is due now, then end")
    parser.add_argument(
        "--jusqu-a", type=datetime.fromisoformat, help="a demonstration: step the clock to that instant"
    )
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    # A tick still at work when the next one comes is no event: `max_instances` is there for that.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    means = means_from(settings())
    with closing(means.atelier):
        if asked.jusqu_a is not None:
            advance(means, asked.jusqu_a)
        elif asked.une_fois:
            do_all_due(means)
        else:
            run(means)


if __name__ == "__main__":
    main()
