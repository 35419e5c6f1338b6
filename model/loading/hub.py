"""GPT-2 checkpoints from the Hugging Face hub, by its own client, into its own cache.

Knows nothing of tensors. A request leaves this machine only inside `download`; `cached` asks the
disk. HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE mean what they mean to every other program.
Pickled weights are never fetched: safetensors and JSON only.
"""

import errno
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from model.loading import tokenizer, weight_files, weights
from model.loading.errors import CheckpointError

SIZES = {
    "gpt2": 548_105_171,
    "gpt2-medium": 1_519_984_962,
    "gpt2-large": 3_247_159_078,
    "gpt2-xl": 6_431_829_964,
}
"""Bytes of model.safetensors of the well-known names: the page shows them before a download."""

NEEDS_TOKEN = "mnemoscope-needs-token"  # a file beside a repository that came with somebody's rights

_NAME = re.compile(r"[\w-][\w.-]{0,95}(/[\w-][\w.-]{0,95})?", re.ASCII)
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"),
               *((name,) for name in tokenizer.OTHERS))
_EXTRAS = ("generation_config.json", *tokenizer.SETTINGS)


@dataclass(frozen=True)
class DownloadProgress:
    """A download: the file under way; files and bytes done and in total (0: not yet known)."""

    file: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int


class Cancelled(Exception):
    """The visitor who asked for the download stopped it."""


def cached(name: str) -> Path | None:
    """The folder of a wholly downloaded repository, else None. Sends no request.

    Raises CheckpointError if `name` cannot be the name of a repository.
    """
    _check_name(name)
    names = [name, f"openai-community/{name}"] if name in SIZES else [name]
    for candidate in names:
        config = try_to_load_from_cache(candidate, "config.json")
        if isinstance(config, str) and _is_whole(Path(config).parent):
            return Path(config).parent
    return None


def needs_token(name: str) -> bool:
    """Whether a repository that is here is private or gated: it came with the token of this user."""
    folder = cached(name)
    return folder is not None and (folder.parents[1] / NEEDS_TOKEN).exists()


def download(
    name: str, on_progress: Callable[[DownloadProgress], None] | None = None, *,
    with_token: bool = True,
) -> Path:
    """Fetch a repository's GPT-2 files -> their folder. config.json comes first and is checked
    before any large file is requested. An exception of `on_progress` stops the download.
    with_token: whether this user's hub token may be sent; without it only public files come.

    Raises CheckpointError, one line, for anything that goes wrong.
    """
    _check_name(name)
    try:
        return _download(name, on_progress or (lambda progress: None), None if with_token else False)
    except (OSError, httpx2.HTTPError, EntryNotFoundError, ValueError, KeyError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(_explain(name, error)) from error


def _download(
    name: str, on_progress: Callable[[DownloadProgress], None], token: bool | None
) -> Path:
    """token: False to send none; None to send the one of this user, where there is one."""
    on_progress(DownloadProgress("", 0, 0, 0, 0))
    info = HfApi(token=token).model_info(
        name, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
    )
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    sizes = {file: sizes[file] for file in needed(name, set(sizes))}
    _check_disk(name, sum(sizes.values()))
    count = _Count(sizes, on_progress)
    # "main" writes a reference into the cache; `cached` finds this commit by it
    bar = count.bar("config.json")
    folder = Path(hf_hub_download(name, "config.json", token=token, tqdm_class=bar)).parent
    if info.private or info.gated:  # before the weights: from then on it counts as whole
        (folder.parents[1] / NEEDS_TOKEN).touch()
    with named(name, folder):
        weights.read_config(folder)
    for file, n_bytes in list(sizes.items())[1:]:
        bar = count.bar(file)
        path = hf_hub_download(name, file, revision=folder.name, token=token, tqdm_class=bar)
        _check_size(name, Path(path), n_bytes)
    count.finish()
    with named(name, folder):
        weight_files.weight_files(folder)
    return folder


@contextmanager
def named(name: str, folder: Path) -> Iterator[None]:
    """Errors about files of this cache folder name the repository, not the long path."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(folder), _where(name))) from error


def needed(name: str, there: set[str]) -> list[str]:
    """The files of a repository to fetch: config.json first, the weights last.

    Raises CheckpointError if config, safetensors or tokenizer are missing.
    """
    if "config.json" not in there:
        raise CheckpointError(
            f"No config.json in {_where(name)}. Choose a repository with a model."
        )
    files = next((files for files in _TOKENIZERS if there.issuperset(files)), None)
    if files is None:
        raise CheckpointError(
            f"No tokenizer.json, and no vocab.json with merges.txt, in {_where(name)}. Choose a "
            "repository with a tokenizer."
        )
    extras = [file for file in _EXTRAS if file in there]
    return ["config.json", *extras, *files, *_weights_among(name, there)]


def _weights_among(name: str, there: set[str]) -> list[str]:
    if weight_files.SINGLE in there:
        return [weight_files.SINGLE]
    if weight_files.INDEX in there:
        return [weight_files.INDEX, *sorted(filter(_SHARD.fullmatch, there))]
    pickled = not there.isdisjoint((weight_files.PICKLED, weight_files.PICKLED_INDEX))
    raise CheckpointError(
        f"No {weight_files.SINGLE} in {_where(name)}: found "
        f"{'only pickled weights, which can carry code' if pickled else 'no weights'}. Choose a "
        "repository with safetensors" + (" or convert it to a folder of your own" * pickled) + "."
    )


# -- progress ------------------------------------------------------------------------------------


class _Count:
    """Adds up what the client reports file by file. It owns the totals, not the transfer."""

    def __init__(self, sizes: dict[str, int], on_progress: Callable[[DownloadProgress], None]) -> None:
        self.sizes = sizes
        self.on_progress = on_progress
        self.done = dict.fromkeys(sizes, 0)

    def bar(self, file: str) -> type["_Bar"]:
        """What the client takes for a progress bar class; files before this one are complete."""
        for earlier in list(self.sizes)[: list(self.sizes).index(file)]:
            self.done[earlier] = self.sizes[earlier]
        self.report(file)

        class Bar(_Bar):
            count = self
            name = file

        return Bar

    def report(self, file: str) -> None:
        n_done, n_bytes = list(self.sizes).index(file), sum(self.sizes.values())
        self.on_progress(
            DownloadProgress(file, n_done, len(self.sizes), sum(self.done.values()), n_bytes)
        )

    def finish(self) -> None:
        n_bytes, last = sum(self.sizes.values()), list(self.sizes)[-1]
        self.on_progress(DownloadProgress(last, len(self.sizes), len(self.sizes), n_bytes, n_bytes))


class _Bar:
    """The part of tqdm's interface that huggingface_hub's downloads use."""

    count: _Count
    name: str

    def __init__(self, total: int | None = None, initial: int = 0, **_looks: Any) -> None:
        self.total, self.n = total, 0
        self.update(initial)

    def update(self, n_bytes: int) -> None:
        self.n += n_bytes
        self.count.done[self.name] = self.n
        self.count.report(self.name)

    def update_transfer(self, n_bytes: int) -> None:
        """Bytes on the wire; `update` counts the same ones on disk."""

    def set_postfix_str(self, *_: Any, **__: Any) -> None:
        """Speeds are not shown."""

    set_transfer_postfix_str = set_postfix_str

    def refresh(self) -> None:
        """Nothing is drawn here."""

    close = refresh

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


class Download:
    """A download in its own thread, so that pages stay alive and a closed tab does not stop it.

    `progress` is the latest report. Once `finished` is true, either `folder` or `problem` is set;
    `problem` is one line, "" if the download was cancelled.
    """

    def __init__(self, name: str, with_token: bool = True) -> None:
        self.name, self.with_token = name, with_token
        self.progress = DownloadProgress("", 0, 0, 0, 0)
        self.folder: Path | None = None
        self.problem: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"download {name}", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        return self.folder is not None or self.problem is not None

    def cancel(self) -> None:
        """Stop at the next block of bytes."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait at most this long; true if it has finished."""
        self._thread.join(seconds)
        return self.finished

    def _run(self) -> None:
        try:
            self.folder = download(self.name, self._see, with_token=self.with_token)
        except Cancelled:
            self.problem = ""
        except CheckpointError as error:
            self.problem = str(error)
        except Exception as error:  # the thread ends here: the visitor must see the unknown error
            self.problem = f"The download of {self.name} failed: {type(error).__name__}: {error}"
            raise

    def _see(self, progress: DownloadProgress) -> None:
        if self._stop.is_set():
            raise Cancelled
        self.progress = progress


# -- what went wrong -----------------------------------------------------------------------------


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        raise CheckpointError(
            f"Not a model name: {name[:80]!r}. Write embedded, a folder, or a hub name such as "
            "gpt2 or owner/name."
        )


def _is_whole(folder: Path) -> bool:
    has_tokenizer = any(all((folder / f).is_file() for f in files) for files in _TOKENIZERS)
    try:
        files = weight_files.weight_files(folder)
        return has_tokenizer and not weight_files.are_pickled(files)
    except CheckpointError:
        return False


def _check_size(name: str, path: Path, n_bytes: int) -> None:
    """Delete a file whose length is not the one in the hub's list, so that a retry helps."""
    found = path.stat().st_size
    if n_bytes and found != n_bytes:  # a mirror's list may lack sizes
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise CheckpointError(
            f"The download of {path.name} from {_where(name)} broke off after {found:,} of "
            f"{n_bytes:,} bytes. The part was deleted; try again."
        )


def _check_disk(name: str, n_bytes: int) -> None:
    cache = Path(constants.HF_HUB_CACHE).expanduser().absolute()
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if (free := shutil.disk_usage(there).free) < n_bytes:
        how = f"{show_size(n_bytes)} needed, {show_size(free)} free"
        raise CheckpointError(_no_space(name, how))


def _explain(name: str, error: Exception) -> str:
    """An error of the client or of the system -> the line that the visitor reads."""
    where, causes = _where(name), list(_chain(error))
    if any(getattr(cause, "errno", None) == errno.ENOSPC for cause in causes):
        return _no_space(name, "it became full during the download")
    if any(isinstance(cause, OfflineModeIsEnabled) for cause in causes):
        return (f"Not on this machine: {where}, and HF_HUB_OFFLINE forbids downloads. Unset it, or "
                "choose embedded or a local folder.")
    answers = [c.response.status_code for c in causes if isinstance(c, HfHubHTTPError)]
    if isinstance(error, GatedRepoError) or 403 in answers:
        return (f"No access to {where}: it is open only to people who accepted its terms. Accept "
                "them on that page, run `hf auth login` on this machine, then try again.")
    if isinstance(error, RepositoryNotFoundError) or 404 in answers or 401 in answers:
        return (f"There is no such repository: {where} (or it is private). Check the spelling, or "
                "run `hf auth login` on this machine if it is yours.")
    if answers:
        return f"The hub answered {answers[0]} for {where}. Try again later."
    cut = any(isinstance(cause, httpx2.RemoteProtocolError) for cause in causes)
    if cut or "Consistency check failed" in str(error):
        return (f"The download from {where} broke off before the end of a file. The part was "
                "deleted; try again.")
    if any(isinstance(c, (httpx2.TransportError, ConnectionError)) for c in causes):
        return (f"Download failed: could not connect to {where} ({_last(causes)}). Check the "
                "internet connection, or choose embedded or a local folder.")
    if isinstance(error, (json.JSONDecodeError, LocalEntryNotFoundError, KeyError)):
        return (f"No model hub answers at {where} (a login page of this network?). Open that "
                "address in a browser.")
    return f"The download of {where} failed ({_last(causes)}). Try again."


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _last(causes: list[BaseException]) -> str:
    lines = str(causes[-1]).strip().splitlines() or [type(causes[-1]).__name__]
    return lines[0][:120]


def _no_space(name: str, how: str) -> str:
    return (f"Not enough disk space for {name} in {constants.HF_HUB_CACHE}: {how}. Free some, or "
            "set HF_HOME to a larger disk.")


def _where(name: str) -> str:
    return f"{constants.ENDPOINT}/{name}"


def host() -> str:
    """The host name that downloads come from."""
    return urlsplit(constants.ENDPOINT).netloc


def show_size(n_bytes: int) -> str:
    """Bytes as download dialogs show them: 12 kB, 548 MB, 6.43 GB."""
    for unit, size, digits in (("GB", 1e9, 2), ("MB", 1e6, 0)):
        if n_bytes >= size:
            return f"{n_bytes / size:.{digits}f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"
