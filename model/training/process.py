"""Identifies a process: the system uses a number again, but never with the same start time.

Knows nothing of what the process does.
"""

import psutil


def birth(pid: int) -> str | None:
    """When a living process began; None: it is gone, or a zombie.

    On Linux in seconds since the machine's start, which do not change when the clock is set; on
    other systems psutil gives the seconds since 1970 that the system recorded.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        since = psutil.boot_time() if psutil.LINUX else 0
        return f"{process.create_time() - since:.2f}"
    except psutil.NoSuchProcess:
        return None
