"""Downloads against a hub on 127.0.0.1; nothing here can reach the internet."""

import errno
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants, file_download
from safetensors.torch import save

from model.loading import checkpoint, hub
from model.loading.errors import CheckpointError
from tests import hub_server
from tests.conftest import byte_tokenizer, random_gpt2
from tests.waiting import PATIENCE_S


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """A tiny random GPT-2 with its tokenizer, as a repository's files."""
    folder = tmp_path_factory.mktemp("tiny")
    random_gpt2().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A running hub that the client is pointed at, with an empty cache of its own."""
    with hub_server.running() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE",
            running.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
        yield running


def serve(server, files, name="someone/tiny", fault="", without=()):
    kept = {file: content for file, content in files.items() if file not in without}
    server.repositories[name] = hub_server.Repository(kept, fault)
    return name


def problem(name) -> str:
    """The one line that a failing download gives."""
    with pytest.raises(CheckpointError) as raised:
        hub.download(name)
    sentence = str(raised.value)
    assert re.fullmatch(r"[A-Z].*\. [A-Z].*\.", sentence), "what is wrong. What to do."
    return sentence


def test_download_then_load_equals_the_original(server, files):
    name = serve(server, files)
    loaded = checkpoint.load(name)
    assert loaded.name == name
    for ours, original in zip(loaded.model.parameters(), random_gpt2().parameters(), strict=True):
        assert ours.equal(original)
    assert loaded.tokenizer("a b")["input_ids"] == byte_tokenizer()("a b")["input_ids"]


def test_only_what_is_needed_is_fetched(server, files):
    name = serve(server, files | {"pytorch_model.bin": b"x", "README.md": b"x", "tf_model.h5": b"x",
                                  "vocab.json": b"{}", "merges.txt": b""})
    folder = hub.download(name)
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json",
        "model.safetensors",
    }


def test_vocab_and_merges_where_there_is_no_tokenizer_json(server, files):
    vocab = byte_tokenizer().get_vocab()
    parts = {"vocab.json": json.dumps(vocab).encode(), "merges.txt": b"#version: 0.2\n"}
    name = serve(server, files | parts, without=["tokenizer.json"])
    loaded = checkpoint.load(name)
    assert not (loaded.folder / "tokenizer.json").exists()
    assert loaded.tokenizer("Hi 🙂")["input_ids"] == byte_tokenizer()("Hi 🙂")["input_ids"]


def test_progress_counts_every_file_and_every_byte(server, files):
    seen = []
    folder = hub.download(serve(server, files), seen.append)
    n_bytes = sum(path.stat().st_size for path in folder.iterdir())
    assert seen[-1] == hub.DownloadProgress("model.safetensors", 5, 5, n_bytes, n_bytes)
    assert [p.bytes_done for p in seen] == sorted(p.bytes_done for p in seen)
    assert [p.files_done for p in seen] == sorted(p.files_done for p in seen)
    assert {p.file for p in seen} >= {"config.json", "model.safetensors"}


def test_what_is_cached_needs_no_request(server, files, monkeypatch):
    name = serve(server, files)
    assert hub.cached(name) is None
    folder = hub.download(name)
    server.requests.clear()
    assert hub.cached(name) == folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert checkpoint.load(name).folder == folder
    assert server.requests == []


def test_a_half_downloaded_repository_is_not_cached(server, files):
    name = serve(server, files)
    (hub.download(name) / "model.safetensors").unlink()
    assert hub.cached(name) is None
    assert hub.cached("someone/else") is None
    hub.download(name)
    assert hub.cached(name) is not None


def test_gpt2_is_found_under_its_longer_name_too(server, files):
    folder = hub.download(serve(server, files, "openai-community/gpt2"))
    assert hub.cached("gpt2") == folder


def test_shards(server, files, tmp_path):
    random_gpt2().save_pretrained(tmp_path / "shards", max_shard_size="40KB")
    shards = {p.name: p.read_bytes() for p in (tmp_path / "shards").glob("model*")}
    assert len(shards) > 3
    name = serve(server, files | shards, without=["model.safetensors"])
    for ours, original in zip(
        checkpoint.load(name).model.parameters(), random_gpt2().parameters(), strict=True
    ):
        assert ours.equal(original)


def test_a_cut_connection_is_resumed(server, files):
    name = serve(server, files, fault="flaky")
    folder = hub.download(name)
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]


# -- failures: each is one sentence, and nothing broken stays behind -----------------------------


def test_no_internet(server, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "could not connect" in problem("gpt2") and "internet connection" in problem("gpt2")


def test_offline_mode(server, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in problem("gpt2")
    assert server.requests == []


def test_wrong_name(server):
    assert "no such repository" in problem("someone/nothing")


@pytest.mark.parametrize("name", ["a/b/c", "a b", "", "../x", "a--b", "x\0y", "-" * 200, "a/..b"])
def test_not_a_name(server, name):
    for ask in (hub.cached, hub.download):
        with pytest.raises(CheckpointError, match="hub name such as"):
            ask(name)
    assert server.requests == []


@pytest.mark.parametrize("fault", ["gated", "forbidden"])
def test_gated(server, files, fault):
    assert "accept" in problem(serve(server, files, fault=fault))


def test_the_hub_is_down(server, files):
    assert "answered 503" in problem(serve(server, files, fault="unavailable"))


def test_a_login_page_instead_of_the_hub(server, files):
    assert "login page" in problem(serve(server, files, fault="portal"))


@pytest.mark.parametrize("fault", ["cut", "short", "mirror"])
def test_a_truncated_file(server, files, fault):
    name = serve(server, files, fault=fault)
    assert "broke off" in problem(name)
    assert hub.cached(name) is None
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.incomplete"))
    server.repositories[name].fault = ""
    assert checkpoint.load(name)


def test_disk_full_before(server, files, monkeypatch):
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda path: type("", (), {"free": 1000}))
    name = serve(server, files)
    assert "disk space" in problem(name)
    assert server.asked("/resolve/") == 0


def test_disk_full_on_the_way(server, files, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_download, "http_get", full)
    assert "disk space" in problem(serve(server, files))


def test_not_a_gpt2_is_found_before_the_weights_are_fetched(server, files):
    name = serve(server, files | {"config.json": b'{"model_type": "llama"}'})
    assert "'llama'" in problem(name)
    assert server.asked("model.safetensors") == 0


def test_config_is_not_json(server, files):
    assert "Not JSON" in problem(serve(server, files | {"config.json": b"<html>"}))


@pytest.mark.parametrize(
    "missing", ["config.json", "tokenizer.json", "model.safetensors"]
)
def test_a_needed_file_is_missing(server, files, missing):
    name = serve(server, files, without=[missing])
    assert f"No {missing}" in problem(name)
    assert server.asked("/resolve/") == 0


def test_pickled_weights_are_never_fetched(server, files):
    name = serve(server, files | {"pytorch_model.bin": b"x"}, without=["model.safetensors"])
    assert "only pickled weights" in problem(name)
    assert server.asked("pytorch_model.bin") == 0


def test_shapes_that_do_not_match_the_config(server, files):
    config = json.loads(files["config.json"]) | {"n_positions": 128}
    name = serve(server, files | {"config.json": json.dumps(config).encode()})
    with pytest.raises(CheckpointError, match=r"shape of wpe.weight: \(128, 32\).*\(64, 32\)"):
        checkpoint.load(name)


# -- in the background ---------------------------------------------------------------------------


def test_a_download_in_the_background_can_be_cancelled_and_repeated(server, files):
    name = serve(server, files, fault="slow")
    job = hub.Download(name)
    job.cancel()
    server.gate.set()
    assert job.wait(PATIENCE_S) and job.problem == "" and job.folder is None
    again = hub.Download(name)
    assert again.wait(PATIENCE_S) and again.folder == hub.cached(name)


def test_a_failing_download_in_the_background_keeps_its_sentence(server):
    job = hub.Download("someone/nothing")
    assert job.wait(PATIENCE_S) and "no such repository" in job.problem


@pytest.mark.slow
def test_the_environment_decides_where_from_and_where_to(server, files, tmp_path):
    """HF_ENDPOINT and HF_HOME, read as the client reads them: in a process of its own."""
    name = serve(server, files)
    code = f"from model.loading import checkpoint; print(checkpoint.load({name!r}).folder)"
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S,
        cwd=Path(__file__).parents[3], check=False,
        env={"PATH": "/usr/bin:/bin", "HF_ENDPOINT": server.url, "HF_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(home)


@pytest.mark.parametrize("n_bytes, shown", [
    (0, "0 kB"), (1_500, "2 kB"), (548_105_171, "548 MB"), (6_431_829_964, "6.43 GB"),
])
def test_sizes_as_people_know_them(n_bytes, shown):
    assert hub.show_size(n_bytes) == shown


def test_added_tokens_and_what_a_tokenizer_does_besides_are_fetched(server, files):
    """Beside vocab.json and merges.txt they decide the ids."""
    vocab = byte_tokenizer().get_vocab()
    parts = {
        "vocab.json": json.dumps(vocab).encode(), "merges.txt": b"#version: 0.2\n",
        "added_tokens.json": b'{"<|pad|>": 257}',
        "tokenizer_config.json": b'{"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true}',
        "config.json": files["config.json"].replace(b'"vocab_size": 257', b'"vocab_size": 258'),
        "model.safetensors": _weights_for(258),
    }
    loaded = checkpoint.load(serve(server, files | parts, without=["tokenizer.json"]))
    assert loaded.tokenizer("a<|pad|>")["input_ids"] == [256, vocab["a"], 257]


def _weights_for(n_vocab: int) -> bytes:
    state = random_gpt2(vocab_size=n_vocab).state_dict()
    return save({name: x for name, x in state.items() if name != "lm_head.weight"},
                metadata={"format": "pt"})


def test_other_tokenizers_are_fetched(server, files):
    words = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nHi\n"
    parts = {"vocab.txt": words, "tokenizer_config.json": b'{"tokenizer_class": "BertTokenizer"}'}
    name = serve(server, files | parts, without=["tokenizer.json"])
    folder = hub.download(name)
    assert hub.cached(name) == folder and (folder / "vocab.txt").read_bytes() == words
