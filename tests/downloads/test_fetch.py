"""The registry against the real files and data.md's numbers; what is there; the commands that fetch it."""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.shelf import BODY, SHA256, write_tar, zipped
from typer.testing import CliRunner

from lgn_lite.cli import data as cli_data
from lgn_lite.cli import main as cli
from lgn_lite.data_sets import REAL, open_data_set
from lgn_lite.downloads import fetch as inventory
from lgn_lite.downloads.download import mismatch
from lgn_lite.downloads.fetch import get, state, with_mirror
from lgn_lite.downloads.registry import ASSETS, DATA_SETS, DEAD, NOTEBOOKS, TERMS, TOY, Archive, Asset, find
from lgn_lite.downloads.signatures import strange
from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore
from lgn_lite.support.files import partial_path

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = {asset.name: asset for asset in ASSETS}


# ── The registry ──────────────────────────────────────────────────────────────────────────────


def test_the_registry_agrees_with_the_real_files(shared):
    here = [asset for asset in ASSETS if asset.name.startswith(("charades-sta/sen", "charades-sta/dur", "tacos/t"))]
    checked = [asset for asset in [*here, BY_NAME["tacos/val"]] if asset.sha256]
    assert len(checked) == 7
    for asset in checked:
        assert asset.size and not mismatch(shared(f"data/{asset.path}"), asset.size, asset.sha256), asset.name


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("charades-sta/jsonl-test", "data/jsonl/charades_test_release.jsonl"),
        ("tacos/jsonl-val", "data/jsonl/tacos_val_release.jsonl"),
        ("qvhighlights/val", "data/qvhighlights/highlight_val_release.jsonl"),
    ],
)
def test_the_registry_agrees_with_the_real_jsonl_files(shared, name, path):
    asset = BY_NAME[name]
    assert asset.size and asset.sha256 and not mismatch(shared(path), asset.size, asset.sha256)
    assert not strange(shared(path)) and Path(asset.path).name == Path(path).name
    assert all(address.endswith(f"/{Path(path).name}") for address in asset.addresses)


def test_the_registry_holds_the_numbers_of_the_table_of_sources(shared):
    table = shared("data.md").read_text(encoding="utf-8").split("## Sources")[1].split("## Figures")[0]
    archives = {asset.archive for asset in ASSETS if asset.archive}
    known = {source.sha256 for source in [*ASSETS, *archives]} - {None}
    published = set(re.findall(r"\b[0-9a-f]{64}\b", table))
    assert len(published) == 7 and published <= known
    sizes = {f"{source.size:,}" for source in [*ASSETS, *archives] if source.size}
    assert set(re.findall(r"([\d,]{7,}) B\b", table)) <= sizes
    addresses = " ".join(address for source in [*ASSETS, *archives] for address in source.addresses)
    addresses += " ".join(asset.by_hand for asset in ASSETS)
    for part in re.findall(r"[\w.-]+\.(?:com|org|edu|co)/[\w./-]+", table):
        assert part in addresses, part


def test_names_and_paths_are_unique_and_every_asset_has_a_way_to_get_it():
    assert len(BY_NAME) == len({asset.path for asset in ASSETS}) == len(ASSETS)
    for asset in ASSETS:
        assert asset.fetchable or asset.by_hand or asset.made_by, asset.name
        assert asset.licence and asset.what and not Path(asset.path).is_absolute(), asset.name
        assert asset.name.startswith(("charades", "glove")) or not asset.terms
        if asset.name.startswith("charades-sta/") and asset.fetchable:
            assert asset.terms == "charades", asset.name
        for address in asset.archive.addresses if asset.archive else asset.addresses:
            assert address.startswith("https://"), address
    assert "prior.allenai.org/projects/charades" in TERMS["charades"]


def test_no_source_is_a_dead_address():
    sources = [*ASSETS, *{asset.archive for asset in ASSETS if asset.archive}]
    used = [address for source in sources for address in source.addresses] + [asset.by_hand for asset in ASSETS]
    for dead in DEAD:
        assert dead.since and dead.instead
        assert not [address for address in used if dead.address.partition("://")[2] in address], dead.address


def test_released_npz_folders_are_joined_by_a_command_that_says_their_paths(tmp_path):
    """The command of `data status` makes the file, from the folders that the same page says to unpack."""
    joined = [asset for asset in ASSETS if "convert npz" in asset.made_by]
    assert {asset.name.partition("/")[0] for asset in joined} == {
        "charades-sta", "tacos", "activitynet-captions", "qvhighlights",
    }  # fmt: skip
    for asset in joined:
        data_set = asset.name.partition("/")[0]
        source = BY_NAME[f"{data_set}/features-npz"]
        assert "drive.google.com/file/d/" in source.by_hand and f"(from {source.name})" in asset.made_by
        for name, width in (("clip", 512), ("slowfast", 2304)):
            (tmp_path / source.path / name).mkdir(parents=True)
            np.savez(tmp_path / source.path / name / "v.npz", features=np.ones((3, width), np.float16))
        words = shlex.split(asset.made_by.format(root=tmp_path).partition(" (")[0])
        assert words[:3] == ["lgn-lite", "data", "convert"]
        done = invoke(*words[2:], "--workers", 0)
        assert done.exit_code == 0, done.output
        assert FeatureStore(tmp_path / asset.path).attrs["rate"] == (1 if data_set == "charades-sta" else 0.5)
        assert state(asset, tmp_path).kind == "present"


def test_what_data_sets_and_notebooks_need_is_in_the_registry():
    needed = {name for needs in DATA_SETS.values() for need in needs for name in need.assets}
    assert needed <= set(BY_NAME)
    assert set(DATA_SETS) == set(REAL)
    for name, data in REAL.items():  # every file of features that the data set opens can be got
        files = {asset.path for asset in ASSETS}
        assert {f"{name}/{source.file}" for source in data.sources} <= files
        assert {f"{name}/{source.weights}" for source in data.sources if source.weights} <= files
    assert {name for names in NOTEBOOKS.values() for name in names} <= {TOY, *DATA_SETS}
    assert set(NOTEBOOKS) == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_a_data_set_s_name_leaves_out_big_downloads_but_names_what_is_to_do_by_hand():
    names = [asset.name for asset in find(["charades-sta"])]
    assert {"charades-sta/sentences-train", "charades-sta/features-fc7", "charades-sta/features-npz"} <= set(names)
    assert not {"charades-sta/videos", "charades-sta/features-tree", "charades-sta/jsonl-test"} & set(names)
    assert [asset.name for asset in find(["tacos/jsonl-val"])] == ["tacos/jsonl-val"]
    assert [asset.name for asset in find(["charades-sta/videos", "glove-6b", "glove-6b"])] == [
        "charades-sta/videos",
        "glove-6b",
    ]
    with pytest.raises(InputError, match=r"nothing is named 'charades'; do you mean one of: charades-sta"):
        find(["charades"])


# ── What is there, and getting it ─────────────────────────────────────────────────────────────


def made_up(shelf, **changes):
    """A file on the shelf, a member of a zip and a whole tar, as assets."""
    shelf.files |= {"set/file": BODY, "set/some.zip": zipped({"deep/member": BODY, "other": b"?"})}
    zip_file = Archive("set/some.zip", (shelf.address("set/some.zip"),))
    tar_file = Archive("set/tree.tar.gz", (shelf.address("set/tree.tar.gz"),))
    return (
        Asset("set/file", "a file", "set/file", "none", (shelf.address("set/file"),), len(BODY), SHA256),
        Asset("set/member", "a member", "set/member", "none", (), len(BODY), SHA256, zip_file, "member"),
        Asset("set/tree", "a folder", "set/tree", "none", archive=tar_file, files=2),
    )


def test_assets_are_fetched_to_their_paths_and_archives_removed(shelf, tmp_path):
    assets = made_up(shelf)
    shelf.files["set/tree.tar.gz"] = write_tar(tmp_path / "t", {"tree/a/1": b"1", "tree/b/1": b"2"}).read_bytes()
    root = tmp_path / "data"
    assert [state(asset, root).kind for asset in assets] == ["missing"] * 3
    get(assets, root, progress=False)
    assert [state(asset, root).kind for asset in assets] == ["present"] * 3
    assert sorted(path.name for path in (root / "set").iterdir()) == ["file", "member", "tree"]
    assert (root / "set/member").read_bytes() == BODY and (root / "set/tree/b/1").read_bytes() == b"2"
    sent = len(shelf.sent)
    get(assets, root, progress=False)
    assert len(shelf.sent) == sent  # nothing again
    (root / "set/member").unlink()
    get(assets, root, keep_archives=True, progress=False)
    assert (root / "set/some.zip").is_file()


def test_states_show_what_is_there(shelf, tmp_path):
    file, member, tree = made_up(shelf)
    (tmp_path / "set").mkdir()
    path = tmp_path / file.path
    partial_path(path).write_bytes(bytes(150_000))
    assert state(file, tmp_path) == ("partial", "150 kB of 600 kB")
    path.write_bytes(b"short")
    assert state(file, tmp_path) == ("differs", "5 bytes found, 600,000 expected")
    path.write_bytes(BODY[::-1])
    assert state(file, tmp_path) == ("present", "600 kB")
    assert state(file, tmp_path, verify=True).kind == "differs"
    with pytest.raises(InputError, match=r"is not the released file \(sha256.*move it away"):
        get([file], tmp_path, progress=False)  # somebody may have made it: it stays
    assert path.read_bytes() == BODY[::-1]
    path.unlink()
    get([file], tmp_path, progress=False)
    assert state(file, tmp_path, verify=True).kind == "present"

    partial_path(tmp_path / "set/some.zip").write_bytes(bytes(2_000_000))
    assert state(member, tmp_path) == ("partial", "2.0 MB")
    (tmp_path / "set/some.zip").touch()
    assert state(member, tmp_path) == ("partial", "some.zip is there, not unpacked")

    (tmp_path / "set/tree").mkdir()
    assert state(tree, tmp_path).kind == "missing"
    for name, found in (("a", ("partial", "1 of 2")), ("b", ("present", "2 in it"))):
        (tmp_path / "set/tree" / name).touch()
        assert state(tree, tmp_path) == found
    partial_path(tmp_path / "set/tree").touch()  # an unpacking that was interrupted
    assert state(tree, tmp_path) == ("partial", "2 unpacked")


def test_a_member_that_is_another_never_gets_its_name(shelf, tmp_path):
    _, member, _ = made_up(shelf)
    with pytest.raises(InputError, match=r"some\.zip: member: sha256 \w+ found, 00 expected"):
        get([replace(member, sha256="00")], tmp_path, progress=False)
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["some.zip"]


def test_an_interrupted_unpacking_is_seen_and_finished(shelf, tmp_path):
    *_, tree = made_up(shelf)
    whole = write_tar(tmp_path / "t", {"tree/a": b"1", "tree/b": BODY}).read_bytes()
    (tmp_path / "set").mkdir()
    (tmp_path / "set/tree.tar.gz").write_bytes(whole[:-1000])
    with pytest.raises(InputError, match="damaged"):
        get([replace(tree, archive=replace(tree.archive, addresses=()))], tmp_path, progress=False)
    assert state(tree, tmp_path).kind == "partial"
    (tmp_path / "set/tree.tar.gz").unlink()
    shelf.files["set/tree.tar.gz"] = whole
    get([tree], tmp_path, progress=False)
    assert state(tree, tmp_path) == ("present", "2 in it")


def test_a_mirror_is_tried_first_under_the_same_path():
    asset = BY_NAME["glove-6b"]
    assert with_mirror(asset.archive, "http://mine/data/")[0] == "http://mine/data/glove/glove.6B.zip"
    assert with_mirror(asset.archive, "http://mine/data/")[1:] == with_mirror(asset.archive) == asset.archive.addresses


# ── The commands ──────────────────────────────────────────────────────────────────────────────


def invoke(*words, **keywords):
    return CliRunner(env={"COLUMNS": "100"}).invoke(cli_data.data_app, [str(word) for word in words], **keywords)


def test_status_shows_assets_data_sets_and_notebooks_within_100_columns(shelf, tmp_path):
    shown = invoke("status", "--root", tmp_path).output
    tables = shown.split("\ncharades-sta/features-fc7, ")[0]
    assert all(len(line.rstrip()) <= 100 for line in tables.splitlines())
    assert all(re.search(rf"^{re.escape(asset.name)} ", tables, re.M) for asset in ASSETS)  # none cut
    assert "get charades-sta/features-tree" in tables and "…\n" not in tables
    assert re.search(r"^00_start_here +toy-sta +ready", tables, re.M)
    assert re.search(r"^09_train -p data_set=tacos +tacos +not ready", tables, re.M)
    narrow = CliRunner(env={"COLUMNS": "60"}).invoke(cli_data.data_app, ["status", "--root", str(tmp_path)]).output
    assert re.search(r"^09_train -p data_set=tacos +tacos +not ready", narrow, re.M)
    target = tmp_path / "charades-sta/vgg_rgb_features.hdf5"
    assert f"to            {target}\n" in shown and "rochester.box.com" in shown
    assert re.search(r"^tacos/jsonl-val +847 kB +missing +get tacos/jsonl-val *$", tables, re.M)
    assert re.search(r"^qvhighlights/val +821 kB +missing +get qvhighlights *$", tables, re.M)
    assert f"to            {tmp_path / 'qvhighlights/npz'}\n" in shown
    assert re.search(r"activity-net\.org/\S+\n +ActivityNet's own C3D features, not found since 2023; instead: ", shown)

    for asset in find(["tacos"]):
        (tmp_path / asset.path).parent.mkdir(exist_ok=True)
        if asset.fetchable:
            (tmp_path / asset.path).write_bytes(bytes(asset.size))
    shown = invoke("status", "--root", tmp_path).output
    assert re.search(r"^tacos +usable +no features: only models that never see the video", shown, re.M)
    assert re.search(r"^tacos/val +277 kB +present: 277 kB *$", shown, re.M)
    shown = invoke("status", "--root", tmp_path, "--verify").output
    assert re.search(r"^tacos +usable", shown, re.M)  # who has made files of their own may use them
    assert re.search(r"^tacos/val +277 kB +differs: sha256", shown, re.M)


def test_get_fetches_what_can_be_and_says_what_must_be_done_by_hand(shelf, tmp_path, monkeypatch):
    shelf.files["activitynet-captions/captions.zip"] = zipped(
        {f"captions/{split}.json": split.encode() for split in ("train", "val_1", "val_2", "train_ids")}
    )
    monkeypatch.setenv("LGN_LITE_MIRROR", shelf.address(""))
    done = invoke("get", "activitynet-captions", "--root", tmp_path)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "activitynet-captions"
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == {
        f"{split}.json": split for split in ("train", "val_1", "val_2")
    }
    assert f"activitynet-captions/train: {folder / 'train.json'}\n" in done.output
    assert f"to            {folder / 'sub_activitynet_v1-3.c3d.hdf5'}\n" in done.output
    assert "Do you accept" not in done.output
    with pytest.raises(InputError, match="nothing is named 'activity-net'"):
        invoke("get", "activity-net", catch_exceptions=False)


@pytest.mark.parametrize("answer", ["n\n", ""])  # "": nobody is there to answer
def test_without_a_yes_to_the_terms_nothing_is_fetched(shelf, tmp_path, answer):
    for words in (("get", "charades-sta"), ("video", "AAAAA")):
        refused = invoke(*words, "--root", tmp_path, "--mirror", shelf.address(""), input=answer)
        assert "non-commercial" in refused.output and "prior.allenai.org" in refused.output
        assert isinstance(refused.exception, InputError) and "--accept-terms" in str(refused.exception)
    assert shelf.sent == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("accept", [{"input": "y\n"}, {"option": "--accept-terms"}, {"option": "--yes"}])
def test_single_videos_come_out_of_the_remote_zip_when_the_terms_are_accepted(shelf, tmp_path, accept):
    names = [f"Charades_v1_480/{name}.mp4" for name in ("AAAAA", "BBBBB")]
    shelf.files["charades-sta/Charades_v1_480.zip"] = zipped(dict.fromkeys(names, BODY))
    words = ["video", "BBBBB", "--root", tmp_path, "--mirror", shelf.address("")]
    done = invoke(*words, *filter(None, [accept.get("option")]), input=accept.get("input", ""))
    assert done.exit_code == 0, done.output
    path = tmp_path / "charades-sta" / names[1]
    assert path.read_bytes() == BODY and done.output.endswith(f"{path}\n")
    assert state(BY_NAME["charades-sta/videos"], tmp_path) == ("partial", "1 of 9,848")
    again = invoke(*words, input="")  # it is there: no terms, no request
    assert again.exit_code == 0 and "terms" not in again.output


def test_a_video_s_name_is_no_path():
    with pytest.raises(InputError, match=r"'\.\./a' is not a Charades video's name"):
        invoke("video", "../a", "--accept-terms", catch_exceptions=False)


def test_real_charades_files_pass_the_registry_s_checks_on_their_way(shelf, shared, tmp_path):
    for name in ("charades_sta_train.txt", "charades_sta_test.txt"):
        shelf.files[f"charades-sta/{name}"] = shared(f"data/charades-sta/{name}").read_bytes()
    names = ["charades-sta/sentences-train", "charades-sta/sentences-test"]
    done = invoke("get", *names, "--root", tmp_path, "--mirror", shelf.address(""), "--accept-terms")
    assert done.exit_code == 0, done.output
    assert [state(BY_NAME[name], tmp_path, verify=True).kind for name in names] == ["present"] * 2


def test_ctrl_c_is_one_line_and_exit_code_130(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(inventory, "get", interrupted)
    ended = invoke("get", "tacos", "--root", tmp_path)
    assert ended.exit_code == 130 and ended.output.startswith("Stopped. What is done stays; ")


def test_convert_names_what_is_missing_and_where_it_comes_from(tmp_path):
    with pytest.raises(InputError, match=r"rgb: missing; get it first: lgn-lite data get charades-sta/features-tree"):
        invoke("convert", "charades-sta", "--root", tmp_path, catch_exceptions=False)
    with pytest.raises(InputError, match=r"overlap0\.8_c3d_fc6: missing; get it first: https://github.com/jiyanggao"):
        invoke("convert", "tacos", "--root", tmp_path, catch_exceptions=False)
    with pytest.raises(InputError, match="choose one of charades-sta, tacos"):
        invoke("convert", "toy", catch_exceptions=False)


def test_convert_makes_the_file_that_tacos_opens(tmp_path):
    annotations = {"fps": 30.0, "num_frames": 100, "timestamps": [[0, 50]], "sentences": ["He cuts."]}
    windows = tmp_path / BY_NAME["tacos/windows"].path
    windows.mkdir(parents=True)
    for split in ("train", "val", "test"):
        (tmp_path / f"tacos/{split}.json").write_text(json.dumps({f"{split}.avi": annotations}), encoding="utf-8")
        for start in (1, 13, 25, 37):
            np.save(windows / f"{split}.avi_{start}_{start + 64}.npy", np.full(4096, start, np.float32))
    done = invoke("convert", "tacos", "--root", tmp_path, "--workers", 0)
    assert done.exit_code == 0, done.output
    made = tmp_path / "tacos/tall_c3d_features.hdf5"
    assert done.stdout == f"{made}: 3 videos, 4096 numbers per row, 2.5 rows per second\n"
    assert open_data_set("tacos", root=tmp_path).require_features()["val.avi"].shape == (4, 4096)


@pytest.mark.slow
def test_charades_is_converted_by_helpers_from_any_folder_to_any_file(tmp_path):
    video, made = tmp_path / "released" / "VID", tmp_path / "made.hdf5"
    video.mkdir(parents=True)
    for number in (1, 5):
        (video / f"VID-{number:06}.txt").write_text(" ".join([str(number)] * 4096) + "\n", encoding="utf-8")
    words = ["convert", "charades-sta", "--source", video.parent, "--output", made, "--root", tmp_path / "empty"]
    done = subprocess.run(
        [sys.executable, "-m", "lgn_lite", "data", *words],
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{made}: 1 videos, 4096 numbers per row, 6 rows per second\n"
    assert FeatureStore(made)["VID"][:, 0].tolist() == [1, 5]
    made.unlink()
    (video / "VID-000001.txt").unlink()
    failed = invoke(*words, "--workers", 0)
    assert failed.exit_code != 0 and str(failed.exception).startswith(f"{video}: VID-000001.txt is missing")


def test_the_script_is_the_command(tmp_path):
    words = [sys.executable, ROOT / "data_scripts" / "fetch_data.py", "charades-sta", "--root", tmp_path]
    done = subprocess.run(
        words, capture_output=True, text=True, encoding="utf-8", check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2 and done.stderr.startswith("error: the terms were not accepted")


def test_bad_input_of_a_data_command_is_one_red_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["lgn-lite", "data", "get", "charade-sta"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("error: nothing is named 'charade-sta'") and said.count("\n") == 1
