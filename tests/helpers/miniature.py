"""The script that builds a miniature of the real data sets, and what it writes as the readers read it."""

import importlib.util
from pathlib import Path

from lgn_lite.annotations import read_activitynet, read_charades_sta, read_tacos

SCRIPT = Path(__file__).resolve().parents[2] / "data_scripts" / "build_miniature.py"
FEATURES = {  # the files that the data sets open
    "charades-sta": "vgg_rgb_features.hdf5",
    "tacos": "tall_c3d_features.hdf5",
    "activitynet-captions": "sub_activitynet_v1-3.c3d.hdf5",
}
SPLITS = {
    "charades-sta": ("train", "test"),
    "tacos": ("train", "val", "test"),
    "activitynet-captions": ("train", "val_1", "val_2"),
}


def load_script():
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()
build_miniature = script.build_miniature


def read(root: Path, data_set: str, split: str) -> list:
    """The queries of a file as the readers give them."""
    folder = root / data_set
    if data_set == "charades-sta":
        return read_charades_sta(folder / f"charades_sta_{split}.txt", folder / f"Charades_v1_{split}.csv")
    return (read_tacos if data_set == "tacos" else read_activitynet)(folder / f"{split}.json")


def videos(root: Path, data_set: str) -> set[str]:
    return {query.video for split in SPLITS[data_set] for query in read(root, data_set, split)}
