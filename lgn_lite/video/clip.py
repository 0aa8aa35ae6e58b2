"""CLIP's image encoder: frames → the projected image embedding that CLIP compares with sentences, L2-normalised.

The features that are published for QVHighlights (Moment-DETR), and by lighthouse for other data sets, are those of
ViT-B/32, one frame each two seconds. transformers holds the network: `pip install "lgn-lite[clip]"`.
"""

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from types import ModuleType
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from lgn_lite.errors import InputError
from lgn_lite.support.bars import is_watched
from lgn_lite.support.reading import shown
from lgn_lite.support.weights import check_weights
from lgn_lite.video.encoder import FrameEncoder

# OpenAI's names of its models, and the hub's
HUB_NAMES = {
    "ViT-B/32": "openai/clip-vit-base-patch32",
    "ViT-B/16": "openai/clip-vit-base-patch16",
    "ViT-L/14": "openai/clip-vit-large-patch14",
}
DEFAULT = "ViT-B/32"
NAME = "CLIP {}, L2-normalised"
SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")  # the second or the third, or neither
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first that a model has


class CLIPFrames(FrameEncoder):
    """CLIP's image encoder: each frame's projected embedding (`get_image_features`), scaled to unit length.

    Published features are scaled too when a store is made of them, so that a model takes either, with
    `frame_norm="none"` or "l2" alike. Frames are resized by the decoder, their shorter side to 224 pixels, and
    cropped, as for the published features; where that is left to `preprocess`, it gives the numbers of transformers'
    own CLIPImageProcessor: torchvision's bicubic resizing, which rounds otherwise than Pillow's.
    """

    rate = 0.5
    # The published frames are those just before the middle of each two seconds: FFmpeg's filter `fps` rounds time
    # stamps to the nearest step.
    phase = 0.499

    def __init__(
        self,
        network: nn.Module,  # a CLIPVisionModelWithProjection
        model: str,  # its name on the hub, or its folder
        image_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        shorter_side: int | None,
    ):
        super().__init__(NAME.format(model), image_size, mean, std, shorter_side, InterpolationMode.BICUBIC)
        self.network, self.dim = network.float().eval(), network.config.projection_dim

    @classmethod
    def load(cls, model: str | Path = DEFAULT, fetch: bool = True) -> "CLIPFrames":
        """Load a CLIP with its weights: from a folder, from the hub's cache, or from the hub.

        Args:
            model: OpenAI's name (ViT-B/32, ViT-B/16, ViT-L/14), a name on the Hugging Face hub (ORG/NAME), or a
                folder that `save_pretrained` wrote.
            fetch: whether weights that are not in the cache may be downloaded.

        Returns:
            The encoder. Raises InputError, naming the model or the folder, where transformers is not installed, the
            weights are not available, or they are damaged or not a CLIP's.
        """
        try:
            import transformers
        except ImportError as error:
            raise InputError(f'CLIP needs transformers ({error}): pip install "lgn-lite[clip]"') from error
        with _quiet(transformers):
            model = os.path.expanduser(model)  # noqa: PTH111 - Path's own raises for an unknown user's home
            if model not in HUB_NAMES and Path(model).is_dir():
                folder = Path(model).absolute()
                model = str(folder)
            else:
                model = next((name for name, hub_name in HUB_NAMES.items() if hub_name == model), model)
                folder = _snapshot(model, fetch)
            try:
                network = _network(transformers, folder)
                return cls(network, model, **_picture_settings(transformers, folder, network.config.image_size))
            except InputError:
                raise
            except Exception as error:  # damaged settings or weights can make transformers stumble anywhere
                raise InputError(f"{folder}: no CLIP can be made of it ({_reason(error)}); fetch it again") from error

    def crop(self, x: Tensor) -> Tensor:
        """Pictures (T, 3, h, w) → their centre, as transformers has it: of an odd rest, more is cut right and below."""
        top, left = ((side - self.image_size) // 2 for side in x.shape[-2:])
        return transforms.crop(x, top, left, self.image_size, self.image_size)

    def encode(self, x: Tensor) -> Tensor:
        """Preprocessed frames (T, 3, s, s) → features (T, D) of unit length; differentiable."""
        return F.normalize(self.network(pixel_values=x).image_embeds, dim=1)


def clip_model(text: str) -> str | None:
    """The model that "clip", "clip:MODEL" or the `name` of a CLIPFrames means; None for another encoder's name.

    "clip_features" and the like are ViT-B/32: a store of published features is named after the folder of their files.
    """
    which = r":(?P<given>.+?)|[ _-](?:vit_)?features| (?P<named>\S+|(?:/|\w:).+?)"
    found = re.fullmatch(f"clip(?:{which})?(?:, L2-normalised)?", text.strip(), re.IGNORECASE)
    return None if found is None else found["given"] or found["named"] or DEFAULT


def _snapshot(model: str, fetch: bool) -> Path:
    """The folder in the hub's cache that holds a model, downloaded if it may be."""
    from huggingface_hub import snapshot_download

    if Path(model).exists() or Path(model).is_absolute():
        what = "is a file, not a folder" if Path(model).exists() else "no such folder"
        raise InputError(f"clip:{model}: {what}; give the one that holds its config.json and weights, clip:FOLDER")
    refusal = f"has no {SETTINGS[0]}, or neither {' nor '.join(WEIGHTS)}"
    for in_cache in (True, False) if fetch else (True,):
        try:
            for weights in WEIGHTS:
                folder = snapshot_download(
                    HUB_NAMES.get(model, model), allow_patterns=[*SETTINGS, weights], local_files_only=in_cache
                )
                if all((Path(folder) / name).is_file() for name in (SETTINGS[0], weights)):
                    return Path(folder)
        except Exception as error:  # whatever network, hub and disk refuse
            refusal = _reason(error)
    what = f"CLIP {model} is {'' if model in HUB_NAMES else 'no folder, and '}not in the Hugging Face hub's cache"
    if fetch:
        raise InputError(
            f"{what}, and cannot be fetched ({refusal}): connect to the network once, or give a folder that holds its "
            "config.json and weights, clip:FOLDER"
        )
    command = "clip" if model == DEFAULT else f"clip:{model}"
    raise InputError(f"{what}: fetch it by --encoder {command}, or give a folder that holds it, --encoder clip:FOLDER")


def _network(transformers: ModuleType, folder: Path) -> nn.Module:
    """The image half of a folder's CLIP, with its weights."""
    settings, _ = transformers.CLIPConfig.get_config_dict(folder, local_files_only=True)
    if settings.get("model_type") != "clip":
        kind = shown(settings.get("model_type"))
        raise InputError(f"{folder}: its config.json is of a model of type {kind}, not clip; give a CLIP's folder")
    config = transformers.CLIPConfig.from_dict(settings)
    config.vision_config.projection_dim = config.projection_dim  # CLIP has its own, whatever the half says
    network, loaded = transformers.CLIPVisionModelWithProjection.from_pretrained(
        folder, config=config.vision_config, output_loading_info=True, local_files_only=True
    )
    if missing := sorted(loaded["missing_keys"]):  # transformers would leave them as they are drawn at random
        raise InputError(f"{folder}: its weights lack {missing[0]} and {len(missing) - 1} others; fetch it again")
    check_weights(network.state_dict(), str(folder), "fetch it again")
    return network


def _picture_settings(transformers: ModuleType, folder: Path, size: int) -> dict[str, Any]:
    """What the folder says of preprocessing; where it says nothing, what all of OpenAI's models have."""
    processor = transformers.CLIPImageProcessor
    if any((folder / name).is_file() for name in SETTINGS[1:]):
        made = processor.from_pretrained(folder, local_files_only=True)
    else:
        made = processor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    crop, shorter_side = made.crop_size["height"], dict(made.size).get("shortest_edge")
    mean, std = [float(value) for value in made.image_mean], [float(value) for value in made.image_std]
    if crop != size or len(mean) != 3 or len(std) != 3 or not min(std) > 0 or not math.isfinite(sum(mean + std)):
        raise InputError(f"{folder}: its settings of pictures do not fit its network; fetch it again")
    return {"image_size": size, "mean": mean, "std": std, "shorter_side": shorter_side}


@contextmanager
def _quiet(transformers: ModuleType) -> Iterator[None]:
    """transformers says nothing of the text half that is not read; downloads show bars only where somebody watches."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    log = transformers.utils.logging
    verbosity, bars, hub_bars = log.get_verbosity(), log.is_progress_bar_enabled(), not are_progress_bars_disabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    if not is_watched():
        disable_progress_bars()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
        if hub_bars:
            enable_progress_bars()


def _reason(error: Exception) -> str:
    """What went wrong, on one line: the libraries' messages go on with advice of their own."""
    said = [line for line in str(error).splitlines() if line.strip()] or [""]
    return f"{type(error).__name__}: {shorten(said[0], 150, placeholder=' …')}"
