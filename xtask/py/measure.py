"""Runs a command and prints what it cost, with what it printed.

Usage: measure.py COMMAND [ARGUMENT ...]
Prints one JSON object: wall_ms, cpu_ms, peak_bytes (largest resident memory) and stdout.
"""

import json
import os
import subprocess
import sys
import time


def main():
    start = time.monotonic()
    child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
    stdout = child.stdout.read()
    _, status, cost = os.wait4(child.pid, 0)
    wall_ms = (time.monotonic() - start) * 1000
    result = {
        "wall_ms": wall_ms,
        "cpu_ms": (cost.ru_utime + cost.ru_stime) * 1000,
        "peak_bytes": cost.ru_maxrss * 1024,
        "stdout": stdout.decode("utf-8", "replace"),
    }
    print(json.dumps(result))
    sys.exit(os.waitstatus_to_exitcode(status))


main()
