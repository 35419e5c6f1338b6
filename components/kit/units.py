"""Numbers as people read them, with their unit. Knows nothing of what is counted."""


def show_bytes(n: int) -> str:
    """1_234_567 -> "1.18 MiB"; binary units, exact below 1 KiB."""
    if n < 1024:
        return f"{n} bytes" if n != 1 else "1 byte"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        n /= 1024
        if n < 1024 or unit == "TiB":
            return f"{_digits(n)} {unit}"


def show_count(n: int) -> str:
    """1_234_567 -> "1.23 M"; exact below 10,000."""
    if n < 10_000:
        return f"{n:,}"
    for unit in ("K", "M", "B"):
        n /= 1000
        if n < 1000 or unit == "B":
            return f"{_digits(n)} {unit}"


def show_duration(seconds: float) -> str:
    """75 -> "1 min 15 s"; above ten minutes without seconds, above two hours in hours."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 7200:
        return f"{round(whole / 60)} min"
    return f"{whole / 3600:.1f} h"


def _digits(x: float) -> str:
    return f"{x:.{max(0, 3 - len(str(int(x))))}f}"
