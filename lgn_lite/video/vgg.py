"""VGG networks up to their two fully connected layers: torchvision's VGG16 and the small VGG of Toy-STA."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import WeightsEnum
from torchvision.models.vgg import cfgs, make_layers

from lgn_lite.errors import InputError
from lgn_lite.support.bars import is_watched
from lgn_lite.support.files import write_tensors
from lgn_lite.support.reading import parse_json
from lgn_lite.support.weights import check_weights, read_weights
from lgn_lite.video.encoder import FrameEncoder

LAYERS = ("fc6", "fc7")


class VGGFrames(FrameEncoder):
    """A VGG that gives each frame its fc6 (before ReLU) or fc7 (after ReLU) features, or class scores.

    `features`, `avgpool` and `classifier` are named and numbered as in torchvision's VGG (classifier[0] is
    fc6, [3] fc7, [6] the classes), so that its weights, and those trained on Charades, fit. fc6 comes
    before ReLU because early modulation (eq. 2) sits there; fc7 comes after it, as in the released Charades
    features.
    """

    def __init__(
        self,
        name: str,
        blocks: Sequence[int | str],  # channels of each 3×3 convolution; "M" halves the picture
        grid: int,  # side of the last feature map
        width: int,  # of fc6 and fc7
        num_classes: int,
        image_size: int,  # pixels of the square input
        mean: Sequence[float],  # of red, green, blue in 0 … 1
        std: Sequence[float],
        *,
        shorter_side: int | None = None,  # resize to this, then crop the centre; None: squeeze all in
        layer: str = "fc6",  # what `extract` gives
        trained_on: str = "nothing",
        dropout: float = 0.5,
    ):
        super().__init__(name, image_size, mean, std, shorter_side)
        if layer not in LAYERS:
            raise InputError(f"layer {layer!r}; choose one of {', '.join(LAYERS)}")
        self.layer, self.trained_on = layer, trained_on
        # what builds this network again; `save` adds `trained_on`, which training sets late
        self.settings = {
            "name": name, "blocks": list(blocks), "grid": grid, "width": width, "num_classes": num_classes,
            "image_size": image_size, "mean": self.mean, "std": self.std, "shorter_side": shorter_side,
            "dropout": dropout,
        }  # fmt: skip
        channels = [block for block in blocks if block != "M"]
        self.features = make_layers(list(blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = nn.Sequential(
            nn.Linear(channels[-1] * grid * grid, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, num_classes),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    @classmethod
    def small(cls, num_classes: int, width: int = 256, image_size: int = 48, layer: str = "fc6") -> "VGGFrames":
        """The small VGG of Toy-STA, untrained: `num_classes` concepts, frames squeezed to image_size²."""
        if image_size % 8:
            raise InputError(f"image_size {image_size}: the small VGG halves it three times; give 40, 48, 56 …")
        blocks = (16, "M", 32, "M", 64, 64, "M")
        half = (0.5, 0.5, 0.5)
        # VGG's dropout of one half keeps so small a network from learning in the few steps that it gets
        return cls(
            "vgg-small", blocks, image_size // 8, width, num_classes, image_size, half, half,
            layer=layer, dropout=0.1,
        )  # fmt: skip

    @classmethod
    def vgg16(
        cls,
        layer: str = "fc6",
        weights: WeightsEnum | Mapping[str, Tensor] | str | Path | None = None,
        trained_on: str = "",
    ) -> "VGGFrames":
        """VGG16: shorter side to 256 pixels, centre 224×224, ImageNet's mean and standard deviation.

        `weights` is a state dict or a file of one (also the checkpoint trained on Charades), a member of
        torchvision's VGG16_Weights, which alone may download, or None: random. Raises InputError where they
        do not fit, or cannot be downloaded.
        """
        if isinstance(weights, str | Path):
            trained_on = trained_on or Path(weights).name
            weights = read_weights(weights)
        elif isinstance(weights, WeightsEnum):
            trained_on = trained_on or str(weights)
            weights = _download(weights)
        classes = weights["classifier.6.bias"].numel() if weights and "classifier.6.bias" in weights else 1000
        # On the meta device nothing is drawn at random that the weights would replace: 138 million numbers.
        with torch.device("meta" if weights else torch.get_default_device()):
            network = cls(
                "vgg16", cfgs["D"], 7, 4096, classes, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225),
                shorter_side=256, layer=layer, trained_on=trained_on or "nothing",
            )  # fmt: skip
        return network._filled(weights, trained_on) if weights else network

    @property
    def dim(self) -> int:
        """Width D of the features that `extract` gives."""
        return self.settings["width"]

    def forward(self, x: Tensor) -> Tensor:
        """Preprocessed frames (T, 3, s, s) → class scores (T, classes), logits; for training."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))

    def encode(self, x: Tensor) -> Tensor:
        """Preprocessed frames (T, 3, s, s) → features (T, D) of `layer`; differentiable, no dropout."""
        fc6 = self.classifier[0](self.avgpool(self.features(x)).flatten(1))
        return fc6 if self.layer == "fc6" else F.relu(self.classifier[3](F.relu(fc6)))

    def save(self, path: str | Path) -> None:
        """Write weights and settings to one safetensors file, `trained_on` among them."""
        settings = {**self.settings, "layer": self.layer, "trained_on": self.trained_on}
        write_tensors(path, self.state_dict(), {"vgg_frames": json.dumps(settings)})

    @staticmethod
    def is_saved(path: str | Path) -> bool:
        """Whether `save` wrote this file, which says itself of what network it is."""
        try:
            with safe_open(path, "pt") as file:
                return "vgg_frames" in (file.metadata() or {})
        except (OSError, SafetensorError):
            return False

    @classmethod
    def load(cls, path: str | Path, layer: str | None = None) -> "VGGFrames":
        """Read what `save` wrote; `layer` overrides the saved one. Raises InputError, naming the file."""
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
        except (OSError, SafetensorError) as error:
            what = "give a file written by VGGFrames.save (VGG16's own weights go to VGGFrames.vgg16)"
            raise InputError(f"{path}: cannot be read as a safetensors file ({error}); {what}") from error
        if "vgg_frames" not in metadata:
            raise InputError(f"{path}: holds no frame encoder; give a file written by VGGFrames.save")
        try:
            settings = parse_json(metadata["vgg_frames"], str(path), "copy the file once more")
            settings["layer"] = layer or settings["layer"]
            numbers = [*settings["mean"], *settings["std"], settings["dropout"]]
            sizes = [settings[name] for name in ("grid", "width", "num_classes", "image_size")]
            sizes += [block for block in settings["blocks"] if block != "M"] + [settings["shorter_side"] or 1]
            if not (
                len(settings["mean"]) == len(settings["std"]) == 3 and len(settings["blocks"]) < 100
                and all(type(size) is int and 0 < size <= 10**6 for size in sizes)
                and all(type(number) in (int, float) and abs(number) < 1e3 for number in numbers)
                and min(settings["std"]) > 0 and all(isinstance(settings[x], str) for x in ("name", "trained_on"))
            ):  # fmt: skip
                raise TypeError("a setting of another type or size")
            with torch.device("meta"):  # shapes only: what does not fit the file's weights is never allocated
                network = cls(**settings)
        except InputError:
            raise
        except Exception as error:  # settings of any type can make the network stumble anywhere
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:100]
            raise InputError(
                f"{path}: its settings build no frame encoder ({reason}); give a file written by VGGFrames.save"
            ) from error
        weights = load_file(path)
        check_weights(weights, str(path))
        return network._filled(weights, str(path))

    def _filled(self, weights: Mapping[str, Tensor], source: str) -> "VGGFrames":
        """Replace the network's weights; ready to use."""
        ours = {key: tuple(value.shape) for key, value in self.state_dict().items()}
        theirs = {key: tuple(value.shape) for key, value in weights.items()}
        if unlike := [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]:
            key = unlike[0]
            what = f"{key} is {theirs.get(key, 'absent')} instead of {ours.get(key, 'absent')}"
            where = f"{source or 'weights'}: do not fit {self.name} in {len(unlike)} places"
            raise InputError(f"{where}, first: {what}; give weights of {self.name}")
        self.load_state_dict({key: value.float() for key, value in weights.items()}, assign=True)
        return self.eval()


def _download(weights: WeightsEnum) -> Mapping[str, Tensor]:
    """torchvision's weights, from the network or from where an earlier call left them."""
    try:
        return weights.get_state_dict(progress=is_watched(), check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:  # no network; other bytes than torchvision expects
        raise InputError(
            f"{weights}: cannot be downloaded ({error}); try again, or fetch {weights.url} by hand and give the file"
        ) from error
