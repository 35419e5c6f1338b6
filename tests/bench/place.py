"""Where the measurements of the model run: `python -m model bench --device cuda`. Knows no model."""

import torch

device = "cpu"
PARTS = ("model", "generation")  # what can be measured on a GPU: the others count processor time


def choose(name: str) -> None:
    """The device of all measurements from now on. ValueError: it is not here."""
    global device
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"There is no CUDA GPU here: torch {torch.__version__} finds none. Leave "
                         "--device out to measure the CPU.")
    device = name


def tensor(ids) -> torch.Tensor:
    """Token ids on the device."""
    return torch.as_tensor(ids, device=device)


def wait() -> None:
    """Until the device has finished."""
    if device == "cuda":
        torch.cuda.synchronize()


def said() -> str:
    """The device and the numbers, for a measurement's line."""
    return f"{torch.cuda.get_device_name() if device == 'cuda' else 'cpu'} float32"
