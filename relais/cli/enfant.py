"""Runs a module as `python -m` would, and ends it once whoever started it is gone, even by SIGKILL.

Its standard input is a pipe whose other end only the supervisor holds: it closes with the supervisor, on every
system. Started by its path, so that a child does not import the whole command line.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE = 15
"""Seconds between SIGTERM and the end without ceremony: the next `relais up` waits for the port."""


def _follow_the_supervisor() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_follow_the_supervisor, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
