"""Checkpoints that no training made: they answer at random, but like trained ones in all else."""

from pathlib import Path

import torch

from lgn_lite.checkpoint import About, save_checkpoint
from lgn_lite.data_sets import DataSet
from lgn_lite.model import LGN
from lgn_lite.text import Vocabulary


def untrained_models(folder: Path, data: DataSet) -> Path:
    """Write folder/full/best and folder/baseline/best, laid out as a course run leaves them; returns the folder."""
    vocabulary = Vocabulary.from_sentences(query.sentence for query in data.queries("train"))
    for variant, settings in {"full": {}, "baseline": {"early": "none", "guidance": 0}}.items():
        torch.manual_seed(len(variant))
        model = LGN(data.config.override(vocabulary_size=len(vocabulary), **settings))
        about = About(data.title, data.name, data.encoder, "fc6", data.rate, {"variant": variant}, data.size)
        save_checkpoint(folder / variant / "best", model, vocabulary, about, {"epoch": 1}, data.encoder_file)
    return folder
