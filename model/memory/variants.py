"""Names for combinations of memory modules, as in the founding system."""

MODULES = ("early", "late", "edm", "am")

VARIANTS: dict[str, frozenset[str]] = {
    "gpt2": frozenset(),
    "gpt2+rnn": frozenset({"early", "late"}),
    "gpt2+edm": frozenset({"edm"}),
    "gpt2+am": frozenset({"am"}),
    "gpt2-m": frozenset(MODULES),
}


def modules_of(variant: str) -> frozenset[str]:
    """A variant's modules. Raises ValueError for an unknown name."""
    if variant not in VARIANTS:
        raise ValueError(f"There is no variant {variant!r}. Choose one of {', '.join(VARIANTS)}.")
    return VARIANTS[variant]


def name_of(modules: frozenset[str]) -> str:
    """The variant of exactly these modules, or the modules themselves where it has no name."""
    for name, parts in VARIANTS.items():
        if parts == modules:
            return name
    return "gpt2+" + "+".join(name for name in MODULES if name in modules)
