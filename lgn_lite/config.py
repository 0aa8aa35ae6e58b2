"""The settings of the model: one dataclass, one comment a field, and the presets of the paper.

What the paper leaves open is a named setting here, with the reading that the course takes as its default.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from lgn_lite.errors import InputError


@dataclass(frozen=True)
class LGNConfig:
    """Everything that decides the shape and the arithmetic of an LGN.

    Raises InputError for a value that is unknown or contradicts another one.
    """

    # -- the video side
    visual_dim: int = 4096  # D, the width of the stored features
    feature: Literal["fc6", "fc7", "c3d"] = "fc6"  # what is stored: fc6 before its ReLU leaves fc7 to the model
    frame_norm: Literal["none", "l2"] = (
        "none"  # of each stored vector before averaging: 2D-TAN's l2, or as VGG's fc7 expects
    )
    num_frames: int = 256  # T, steps of fixed length that a video's features are averaged to
    num_clips: int = 16  # N, the side of the map; T / N steps are averaged into one clip
    scales: tuple[int, ...] = (16,)  # map diagonals kept at stride 1, 2, 4, … (2D-TAN's sparse sampling)
    hidden: int = 512  # C, channels of the clips and of the map

    # -- the sentence side
    vocabulary_size: int = 0  # words with a vector inside the model; 0: word vectors are given with each sentence
    word_vectors: Literal["learned", "frozen"] = "learned"  # frozen: GloVe's, kept as they are (2D-TAN's)
    word_dim: int = 300  # width of a word vector (the paper's first d_s)
    text_dim: int = 512  # H, width of f_s (the paper's second d_s) and of the LSTM
    text_layers: int = 3  # LSTM layers (2D-TAN's)

    # -- early modulation, eq. 2
    early: Literal["none", "fc7", "both"] = "both"  # no unit, one on the last FC layer, or one on each of the two
    modulation: Literal["product", "scale-shift"] = "product"  # eq. 2 is a pure product; the text says "shift"
    frame_dropout: float = 0.75  # after each of the two FC layers (4.3); acts only where the model holds them

    # -- fusion, section 3.4
    fusion_text_fc: bool = True  # FC on both sides (3.4); False: f_s enters as it is, as in 2D-TAN

    # -- the map convolution
    convolution: Literal["list", "dense"] = "list"  # over the candidates that exist, or 2D-TAN's padded square
    layers: int = 8
    kernel: int = 5
    padding: int = 16  # dense only: of the first layer; the others have none
    init: Literal["unit", "torch"] = "unit"  # weights that keep the signal's size, or PyTorch's own (2D-TAN)

    # -- late guidance, eq. 3
    guidance: int = 6  # K, guidance modules; 0 leaves late guidance out
    guidance_at: Literal["last", "first"] = "last"  # which layers get them; the paper does not say
    guidance_norm: Literal["cell", "map", "none"] = "cell"  # over channels at a cell, or the literal eq. 3: over a map
    guidance_scale: Literal["unit", "rms"] = "unit"  # norm 1 as written, or times √C (√P): root mean square 1

    # -- label (eq. 4) and ranking
    t_min: float = 0.0
    t_max: float = 0.5
    nms: float = 0.45  # tIoU above which a lower-ranked answer is dropped

    def __post_init__(self) -> None:
        if isinstance(self.scales, list):  # JSON has no tuples
            object.__setattr__(self, "scales", tuple(self.scales))
        for name, hint in get_type_hints(type(self)).items():
            value, args = getattr(self, name), get_args(hint)
            if name == "scales":
                fine, wanted = (
                    isinstance(value, tuple) and all(type(n) is int for n in value),
                    "must hold whole numbers",
                )
            elif args:
                fine, wanted = value in args, f"choose one of {', '.join(map(repr, args))}"
            else:
                fine, wanted = (
                    type(value) is hint or (hint is float and type(value) is int),
                    f"must be of type {hint.__name__}",
                )
            if not fine:
                raise InputError(f"setting {name}={value!r}: {wanted}")
        for name in (
            "visual_dim",
            "num_frames",
            "num_clips",
            "hidden",
            "word_dim",
            "text_dim",
            "text_layers",
            "layers",
        ):
            if getattr(self, name) < 1:
                raise InputError(f"setting {name}={getattr(self, name)!r}: must be at least 1")
        checks = [
            (self.num_frames % self.num_clips == 0, "num_frames must be a multiple of num_clips"),
            (len(self.scales) > 0 and min(self.scales) > 0, "scales must hold at least one positive number"),
            (self.kernel % 2 == 1, "kernel must be odd, so that it has a centre"),
            (0 <= self.guidance <= self.layers, "guidance must lie between 0 and layers (a module follows a layer)"),
            (0 <= self.frame_dropout < 1, "frame_dropout must lie in [0, 1)"),
            (0 <= self.t_min < self.t_max <= 1, "0 <= t_min < t_max <= 1 must hold"),
            (0 < self.nms <= 1, "nms must lie in (0, 1]"),
            (
                self.convolution == "list" or self._dense_side() == self.num_clips,
                "dense: 2·padding must be layers·(kernel − 1)",
            ),
        ]
        for fine, message in checks:
            if not fine:
                raise InputError(f"contradictory settings: {message}; got {self.to_dict()}")

    def _dense_side(self) -> int:
        return self.num_clips + 2 * self.padding - self.layers * (self.kernel - 1)

    @property
    def has_frame_fc(self) -> bool:
        """Whether the model holds the second FC layer: fc7 over stored fc6, or the paper's new FC after a unit."""
        return self.feature == "fc6" or self.early != "none"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "scales": list(self.scales)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LGNConfig:
        """The settings back from `to_dict`; an unknown name raises InputError."""
        return cls().override(**values)

    def override(self, **settings: Any) -> LGNConfig:
        """The same settings with some replaced; an unknown name raises InputError naming it."""
        known = [field.name for field in fields(self)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise InputError(f"unknown setting {', '.join(unknown)}; known are {', '.join(known)}")
        return replace(self, **settings)

    @classmethod
    def preset(cls, name: str, **settings: Any) -> LGNConfig:
        """The settings for "toy", "charades-sta", "tacos" or "activitynet-captions"; some may be replaced."""
        if name not in PRESETS:
            raise InputError(f"no preset {name!r}: choose one of {', '.join(PRESETS)}")
        return cls().override(**{**PRESETS[name], **settings})


# The defaults above are the paper's for Charades-STA (sections 3 and 4.3; the rest 2D-TAN's configuration files).
PRESETS: dict[str, dict[str, Any]] = {
    "charades-sta": {},
    # 2D-TAN's TACoS: a larger, sparser map; C3D features, so the FC layers after a unit are new (4.3)
    "tacos": dict(feature="c3d", frame_norm="l2", num_clips=128, scales=(16, 8, 8, 8), nms=0.4),
    # not in the paper: 2D-TAN's ActivityNet Captions with the paper's modules
    "activitynet-captions": dict(
        feature="c3d", visual_dim=500, frame_norm="l2", num_clips=64, scales=(16, 8, 8), layers=4, kernel=9, guidance=4,
        t_min=0.5, t_max=1.0, nms=0.5,
    ),
    # the course: small enough for two cores. Its moments last 3 to 8 s of about 35 s, so candidates of up to 8 of 20
    # clips hold them all; three of four layers are guided, as six of eight in the paper (better on val than four);
    # t_max = 1 and the rms scale are what works there (notebooks 07 and 08)
    "toy": dict(
        visual_dim=256, num_frames=40, num_clips=20, scales=(8,), hidden=64, word_dim=64, text_dim=128, text_layers=1,
        frame_dropout=0.2, layers=4, kernel=3, padding=4, guidance=3, guidance_scale="rms", t_min=0.3, t_max=1.0,
    ),
}  # fmt: skip
