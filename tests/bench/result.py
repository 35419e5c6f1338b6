"""One measurement: a value with its unit, what it is measured against, and the aim."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Result:
    """value in `unit`; aim: at most (or, with at_least, at least) this; None = no aim."""

    name: str
    value: float
    unit: str
    detail: str
    aim: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without an aim."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim

    def as_dict(self) -> dict:
        """All fields and `met`, for JSON."""
        return asdict(self) | {"met": self.met}

    def __str__(self):
        verdict = {None: "", True: "  met", False: "  MISSED"}[self.met]
        sign = "≥" if self.at_least else "≤"
        aim = "" if self.aim is None else f" (aim {sign} {self.aim:g}){verdict}"
        return f"{self.name:42} {self.value:9.3f} {self.unit}{aim}   {self.detail}"
