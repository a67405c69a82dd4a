"""`make bench`: every measure, each in a process of its own so that none inherits another's memory."""

import subprocess
import sys
from pathlib import Path

MEASURES = ("photos", "reception", "lectures", "routage")


def main() -> int:
    here = Path(__file__).parent
    codes = [subprocess.run([sys.executable, here / f"{name}.py"], check=False).returncode for name in MEASURES]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
