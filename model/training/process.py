"""Which process is it: a number is used again by the system, a number and a start time are not.

Needs a POSIX system. Knows nothing of what the process does.
"""

import os
import subprocess
from pathlib import Path


def birth(pid: int) -> str | None:
    """When a living process began, in the system's own words; None: gone, or only its remains."""
    if Path("/proc/self/stat").exists():
        return _birth_linux(pid)
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True,
        env=os.environ | {"LC_ALL": "C"}, check=False,
    ).stdout.split(None, 1)
    return None if len(told) < 2 or told[0].startswith("Z") else told[1].strip()


def _birth_linux(pid: int) -> str | None:
    """Clock ticks since boot, and which boot: neither changes when the clock is set."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else f"{boot} {fields[19]}"
