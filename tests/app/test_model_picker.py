"""The sidebar's model: what is loaded, what is asked first, and what happens when it fails."""

import json
import shutil

import pytest
import streamlit as st
import torch
from huggingface_hub import constants, file_download
from streamlit.testing.v1 import AppTest

from components.frame import door, model_picker, whose
from components.frame.whose import is_owner
from model.disk import owners
from model.loading import checkpoint, hub
from model.loading.checkpoint import settle  # not the one of tests/app/conftest.py
from tests import hub_server
from tests.conftest import byte_tokenizer, random_gpt2
from tests.waiting import PATIENCE_S


def app():
    import streamlit as st

    from components.frame import model_picker

    model_picker.sidebar()
    now = model_picker.current()
    st.write(f"{now.name} {now.placement.device} {now.placement.dtype} {model_picker.in_link()}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    random_gpt2().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def server(folder, tmp_path, monkeypatch):
    """A hub with one good model, an embedded model of the tests' own, and empty caches."""
    with hub_server.running() as running:
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        for name in ("gpt2", "gpt2-medium", "someone/tiny"):
            running.repositories[name] = hub_server.Repository(dict(files))
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
        monkeypatch.setattr(checkpoint, "EMBEDDED", folder)
        monkeypatch.delenv("MNEMOSCOPE_MODEL", raising=False)
        st.cache_resource.clear()
        yield running
        st.cache_resource.clear()


def come_from(monkeypatch, ip, headers, cookies):
    """Visitors as Streamlit sees them: their address (None: this machine), headers and cookies."""
    context = type("Context", (), {"ip_address": ip, "headers": headers, "cookies": cookies})
    monkeypatch.setattr(whose.st, "context", context)
    monkeypatch.setattr(whose, "is_owner", is_owner)


def opened(**link) -> AppTest:
    test = AppTest.from_function(app, default_timeout=PATIENCE_S)
    for name, value in link.items():
        test.query_params[name] = value
    return run(test)


def run(test) -> AppTest:
    """Run an app, or the app after a widget was used."""
    test = test.run()
    assert not test.exception, test.exception
    return test


def choose(test: AppTest, name: str) -> AppTest:
    """Pick an option, or type a new name and press Enter."""
    test.session_state["model"] = name
    return run(test)


def in_use(test: AppTest) -> str:
    return test.markdown[0].value.split()[0]


def button(test: AppTest, label: str):
    found = [b for b in test.sidebar.button if b.label.startswith(label)]
    assert len(found) == 1, (label, [b.label for b in test.sidebar.button])
    return found[0]


def errors(test: AppTest) -> str:
    return " ".join(e.value for e in test.sidebar.error)


def finish(name: str) -> None:
    assert model_picker._downloads()[name].wait(PATIENCE_S)


def test_the_embedded_model_needs_no_click_and_no_request(server):
    test = opened()
    assert test.markdown[0].value == "embedded cpu torch.float32 None"
    assert "because" in test.sidebar.caption[0].value
    assert [len(test.sidebar.button), len(test.sidebar.error), server.requests] == [0, 0, []]


def test_a_hub_name_is_downloaded_after_a_click_and_used(server):
    test = choose(opened(), "gpt2")
    assert in_use(test) == "embedded" and server.requests == []
    assert button(test, "Download gpt2").label.endswith("(548 MB)")
    run(button(test, "Download gpt2").click())
    finish("gpt2")
    assert test.run().markdown[0].value == "gpt2 cpu torch.float32 gpt2"
    assert [len(test.sidebar.button), len(test.sidebar.error)] == [0, 0]


@pytest.mark.parametrize("comes, flags, sent", [
    ("owner", [], {"Bearer hf_secret"}), ("visitor", [], set()),
    ("visitor", ["--share-token"], {"Bearer hf_secret"}),
])
def test_the_hub_token_goes_out_for_the_owner_alone(server, monkeypatch, comes, flags, sent):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr("sys.argv", ["app.py", *flags])
    monkeypatch.setattr(whose, "is_owner", lambda: comes == "owner")
    run(button(choose(opened(), "gpt2"), "Download").click())
    finish("gpt2")
    assert server.requests and server.tokens - {None} == sent


def test_what_came_with_the_owners_token_opens_for_the_owner_alone(server, monkeypatch):
    server.repositories["someone/tiny"].is_private = True
    hub.download("someone/tiny"), hub.download("gpt2")
    assert hub.needs_token("someone/tiny") and not hub.needs_token("gpt2")
    assert in_use(opened(model="someone/tiny")) == "someone/tiny"
    monkeypatch.setattr(whose, "is_owner", lambda: False)
    test = opened(model="someone/tiny")
    assert in_use(test) == "embedded" and "only the owner can open it" in errors(test)
    assert in_use(opened(model="gpt2")) == "gpt2"
    monkeypatch.setattr("sys.argv", ["app.py", "--share-token"])
    assert in_use(opened(model="someone/tiny")) == "someone/tiny"
    monkeypatch.setattr("sys.argv", ["app.py"])
    monkeypatch.setenv("MNEMOSCOPE_MODEL", "someone/tiny")  # whoever started the server shows it
    assert in_use(opened()) == "someone/tiny"


def test_progress_is_shown_and_the_app_lives_on(server):
    server.repositories["gpt2"].fault = "slow"
    test = choose(opened(), "gpt2")
    run(button(test, "Download").click())
    while model_picker._downloads()["gpt2"].progress.file != "model.safetensors":
        model_picker._downloads()["gpt2"].wait(0.01)
    run(test)
    captions = " ".join(caption.value for caption in test.sidebar.caption)
    assert "file 5 of 5: model.safetensors" in captions and in_use(test) == "embedded"
    assert button(choose(test, "gpt2-medium"), "Download gpt2\\-medium").disabled
    server.gate.set()
    finish("gpt2")
    assert in_use(choose(test, "gpt2")) == "gpt2"


def test_a_download_can_be_cancelled(server):
    server.repositories["gpt2"].fault = "slow"
    test = choose(opened(), "gpt2")
    run(button(test, "Download").click())
    run(button(test, "Cancel").click())
    server.gate.set()
    finish("gpt2")
    run(test)
    assert in_use(test) == "embedded" and errors(test) == ""
    assert not button(test, "Download gpt2").disabled


def test_a_link_asks_before_it_downloads_but_not_before_it_loads(server):
    test = opened(model="someone/tiny")
    assert in_use(test) == "embedded" and server.requests == []
    button(test, "Download someone/tiny")
    hub.download("someone/tiny")
    st.cache_resource.clear()
    server.requests.clear()
    assert in_use(opened(model="someone/tiny")) == "someone/tiny" and server.requests == []


def test_a_failed_download_says_why_and_can_be_tried_again(server):
    server.repositories["gpt2"].fault = "gated"
    test = choose(opened(), "gpt2")
    run(button(test, "Download").click())
    finish("gpt2")
    run(test)
    assert "accepted its terms" in errors(test) and in_use(test) == "embedded"
    server.repositories["gpt2"].fault = ""
    run(button(test, "Download gpt2").click())
    finish("gpt2")
    assert in_use(run(test)) == "gpt2"


def test_files_that_do_not_fit_leave_the_old_model_in_use(server):
    repository = server.repositories["gpt2"]
    config = json.loads(repository.files["config.json"]) | {"n_positions": 128}
    repository.files["config.json"] = json.dumps(config).encode()
    hub.download("gpt2")
    test = choose(choose(opened(), "gpt2"), "gpt2")
    assert "wpe" in errors(test) and in_use(test) == "embedded"
    assert any("Until then the app uses **embedded**" in c.value for c in test.sidebar.caption)
    assert constants.HF_HUB_CACHE not in errors(test).replace("\\", "")
    button(test, "Try again")
    assert errors(choose(test, "embedded")) == ""


@pytest.mark.parametrize("name", ["no such/thing at all", "<script>alert(1)</script>", "a" * 5000,
                                  "*b*", "/nowhere/at/all"])
def test_nonsense_is_one_error(server, name):
    test = opened(model=name)
    if test.sidebar.button:
        run(test.sidebar.button[0].click())
    assert len(test.sidebar.error) == 1 and in_use(test) == "embedded"
    assert server.requests == []


def test_a_folder_waits_for_a_click_even_in_a_link(server, folder):
    test = opened(model=str(folder))
    assert in_use(test) == "embedded"
    run(button(test, "Load").click())
    assert in_use(test) == str(folder)
    assert in_use(run(test)) == str(folder) and len(test.sidebar.button) == 0


LOCAL = {"Origin": "http://localhost:8501", "Host": "localhost:8501"}


@pytest.mark.parametrize("ip, headers, key, may", [
    (None, LOCAL, "own", True),
    ("192.168.1.7", {"Origin": "http://192.168.1.2:8501"}, "own", True),  # the owner, elsewhere
    (None, LOCAL, None, False),  # a forwarder on the same machine can write every header
    (None, LOCAL | {"X-Forwarded-For": "127.0.0.1"}, None, False),
    (None, LOCAL, "x" * 32, False),
    (None, LOCAL, "", False),
    (None, LOCAL, "é", False),
])
def test_folders_are_for_whoever_has_the_owners_key(
    server, folder, monkeypatch, ip, headers, key, may
):
    said = owners.owner_key() if key == "own" else key
    come_from(monkeypatch, ip, headers, {} if said is None else {door.OWNER_COOKIE: said})
    here, nowhere = opened(model=str(folder)), opened(model="/nowhere/at/all")
    assert bool(here.sidebar.button) == bool(nowhere.sidebar.button)  # both have one
    if may:
        button(here, "Load")
    else:
        assert "only for its owner" in errors(here)
        assert errors(here) == errors(nowhere)  # nobody learns which folders exist


@pytest.fixture
def loads(server, monkeypatch):
    """Three models on this machine; the names that are read from disk, one after the other."""
    names, load = [], checkpoint.load
    monkeypatch.setattr(
        checkpoint, "load", lambda name, *rest: names.append(name) or load(name, *rest)
    )
    for name in ("gpt2", "gpt2-medium", "someone/tiny"):
        hub.download(name)
    return names


def test_a_model_too_many_is_refused_and_nothing_is_read_twice(loads):
    one, two, three = (opened(model=name) for name in ("gpt2", "gpt2-medium", "someone/tiny"))
    assert in_use(three) == "embedded" and "other visitors of this server use 2" in errors(three)
    for visitor in (one, two, three) * 3:
        run(visitor)
    assert sorted(loads) == ["embedded", "gpt2", "gpt2-medium"]
    assert [in_use(one), in_use(two)] == ["gpt2", "gpt2-medium"]
    choose(one, "embedded")  # leaves its seat
    run(button(three, "Try again").click())
    assert in_use(three) == "someone/tiny" and errors(three) == ""


def test_who_went_away_keeps_no_seat(loads, monkeypatch):
    opened(model="gpt2"), opened(model="gpt2-medium")
    later = model_picker.time.monotonic() + model_picker.IN_USE_S
    monkeypatch.setattr(model_picker.time, "monotonic", lambda: later)
    assert in_use(opened(model="someone/tiny")) == "someone/tiny"
    assert len(model_picker._shelf().loaded) == 2


def test_one_visitor_may_go_through_all_models(loads):
    test = opened()
    for name in ("gpt2", "gpt2-medium"):
        assert in_use(choose(test, name)) == name
    run(test.sidebar.selectbox("model_dtype").select("bfloat16"))  # a third choice
    assert test.markdown[0].value.startswith("gpt2-medium cpu torch.bfloat16")
    assert len(model_picker._shelf().loaded) == 2


def test_the_start_model_is_everyones_and_a_link_need_not_name_it(server, folder, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(folder))
    model_picker.warm_up()
    come_from(monkeypatch, "192.168.1.7", {"Origin": "http://x"}, {})
    test = opened()
    assert in_use(test) == str(folder) and test.markdown[0].value.endswith("None")
    assert choose(test, "embedded").markdown[0].value.endswith("embedded")


def test_the_command_line_comes_before_the_environment(server, folder, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_MODEL", "gpt2")
    for flags in (["--model", str(folder)], [f"--model={folder}"]):
        monkeypatch.setattr("sys.argv", ["app.py", *flags])
        assert model_picker.start_name() == str(folder)
    monkeypatch.setattr("sys.argv", ["app.py", "--other", "x"])
    assert model_picker.start_name() == "gpt2"


def test_a_start_model_from_the_hub_is_downloaded_without_a_click(server, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_MODEL", "gpt2")
    model_picker.warm_up()
    finish("gpt2")
    assert in_use(opened()) == "gpt2"


@pytest.mark.parametrize("name", ["/nowhere/at/all", "no such name", "gpt2"])
def test_a_start_model_that_fails_leaves_the_embedded_one(server, monkeypatch, name):
    server.repositories["gpt2"].fault = "gated"
    monkeypatch.setenv("MNEMOSCOPE_MODEL", name)
    model_picker.warm_up()
    if name == "gpt2":
        finish("gpt2")
    test = opened()
    assert in_use(test) == "embedded" and len(test.sidebar.error) == 1


def test_a_broken_start_folder_leaves_the_embedded_model(server, folder, tmp_path, monkeypatch):
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "config.json").write_text("{}")
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(broken))
    model_picker.warm_up()
    test = opened()
    assert in_use(test) == "embedded" and "model_type" in errors(test).replace("\\", "")


def test_no_model_at_all_is_said(server, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "EMBEDDED", tmp_path)

    def only_the_sidebar():
        from components.frame import model_picker

        model_picker.sidebar()

    test = run(AppTest.from_function(only_the_sidebar, default_timeout=PATIENCE_S))
    assert "empty folder" in errors(test)


def test_numbers_and_device_can_be_overridden(server):
    test = opened()
    assert test.sidebar.selectbox("model_device").options[-1] == "cpu"
    run(test.sidebar.selectbox("model_dtype").select("bfloat16"))
    assert test.markdown[0].value.split()[1:3] == ["cpu", "torch.bfloat16"]
    run(test.sidebar.selectbox("model_device").select("cpu"))
    assert "CPU, because you chose it" in test.sidebar.caption[0].value


def test_one_model_serves_all_visitors_and_only_a_few_are_kept(server, folder, tmp_path):
    first, second = opened(), opened()
    one = model_picker._load(("embedded", "auto", "auto"))
    assert in_use(first) == in_use(second) == "embedded"
    assert model_picker._load(("embedded", "auto", "auto")) is one
    kept = []
    for i in range(model_picker.MAX_SHARED + 1):
        place = shutil.copytree(folder, tmp_path / f"m{i}")
        kept.append(model_picker._load((str(place), "auto", "auto")))
    assert model_picker._load((kept[-1].name, "auto", "auto")) is kept[-1]
    assert model_picker._load((kept[0].name, "auto", "auto")) is not kept[0]
    assert model_picker._load(("embedded", "auto", "auto")) is one


def test_a_model_deleted_from_the_cache_is_not_downloaded_behind_ones_back(server):
    folder = hub.download("gpt2")
    test = choose(opened(), "gpt2")
    assert in_use(test) == "gpt2"
    shutil.rmtree(folder)
    st.cache_resource.clear()
    server.requests.clear()
    run(test)
    assert in_use(test) == "embedded" and "no longer on this machine" in errors(test)
    assert server.requests == []


def test_threads_and_collector_are_settled(monkeypatch):
    import gc

    set_to = []
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(checkpoint.placement, "n_cores", lambda: 8)
    settle()
    assert set_to == [7] and gc.get_freeze_count() > 0
    gc.unfreeze()
