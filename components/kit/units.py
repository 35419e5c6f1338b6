"""Numbers as people read them, with their unit. Knows nothing of what is counted."""

import math

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


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


def show_number(x: float, digits: int = 3, sign: bool = False) -> str:
    """x rounded to so many significant digits, never in e-notation: 0.0123, −4.5, 12,300, and
    1.2 × 10⁻⁵ where that is shorter to read. sign: a plus before what is positive."""
    mark = "−" if x < 0 else "+" if sign and x > 0 else ""
    size = abs(float(x))
    if not math.isfinite(size):
        return mark + ("∞" if math.isinf(size) else "not a number")
    mantissa, power = f"{size:.{digits - 1}e}".split("e")
    if size and not -5 <= int(power) < 9:
        return f"{mark}{_trimmed(mantissa)} × 10{str(int(power)).translate(RAISED)}"
    places = max(0, digits - 1 - int(power))
    return mark + _trimmed(f"{float(f'{mantissa}e{power}'):,.{places}f}")


def show_change(x: float) -> str:
    """A signed number with two places, never 0 for what is not 0: +0.25, −1.50, +0.0003."""
    if x and abs(x) < 0.005:
        return show_number(x, 1, sign=True)
    return f"{x:+.2f}".replace("-", "−") if x else "0"


def show_error(x: float) -> str:
    """A difference that should be nothing: 0, or its size as a power of ten, 7 × 10⁻⁷."""
    if x == 0:
        return "0"
    mantissa, power = f"{abs(x):.0e}".split("e")
    return f"{mantissa} × 10{str(int(power)).translate(RAISED)}"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digits(x: float) -> str:
    return f"{x:.{max(0, 3 - len(str(int(x))))}f}"
