"""The settings of the model: one dataclass, one comment a field, and the presets of the paper.

The source of a value is in brackets: sections and equations are the paper's; "2D-TAN" is its published
configuration files (experiments/charades/2D-TAN-16x16-K5L8-pool.yaml, tacos/2D-TAN-128x128-K5L8-pool.yaml,
activitynet/2D-TAN-64x64-K9L4-pool.yaml), which section 4.3 refers to; "ours" is where both leave it open.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from html import escape
from typing import Any, Literal, get_args, get_type_hints

from lgn_lite.errors import InputError
from lgn_lite.support.limits import Range
from lgn_lite.support.reading import shown


@dataclass(frozen=True)
class LGNConfig:
    """Everything that decides the shape and the arithmetic of an LGN; it prints as a table.

    The defaults are the paper's for Charades-STA. Raises InputError for a value that is unknown or contradicts
    another one.
    """

    # -- the video side
    visual_dim: int = 4096  # D, width of the stored features (4.3)
    feature: Literal["fc6", "fc7", "c3d"] = "fc6"  # what is stored: fc6 before its ReLU leaves fc7 to the model (4.3)
    frame_norm: Literal["none", "l2"] = "none"  # of stored vectors, before averaging: as VGG's fc7 wants, or 2D-TAN's
    num_frames: int = 256  # T, steps of fixed length that a video's features are averaged to (2D-TAN)
    num_clips: int = 16  # N, the side of the map; T / N steps are averaged into one clip (2D-TAN)
    scales: tuple[int, ...] = (16,)  # candidate lengths at stride 1, 2, 4, …; none reaches past the video (2D-TAN)
    pooling: Literal["max", "ends"] = "max"  # of a candidate's clips (3.3, 2D-TAN); ends: its start and end too (ours)
    hidden: int = 512  # C, channels of the clips and of the map (2D-TAN)

    # -- the sentence side
    vocabulary_size: int = 0  # words with a vector inside the model; 0: vectors are given with each sentence
    word_vectors: Literal["learned", "frozen", "random"] = "learned"  # frozen: GloVe's (3.3, 2D-TAN); random: no GloVe
    word_dim: int = 300  # width of a word vector, the paper's first d_s (4.3)
    text_dim: int = 512  # H, width of f_s and of the LSTM, the paper's second d_s (4.3)
    text_encoder: Literal["lstm", "bag"] = "lstm"  # its last state (3.3), or the words' mean, a control (ours)
    text_layers: int = 3  # LSTM layers (2D-TAN)

    # -- early modulation, eq. 2
    early: Literal["none", "fc7", "both"] = "both"  # no unit, one on the last FC layer, one on each of the two (4.3)
    modulation: Literal["product", "scale-shift"] = "product"  # a pure product (eq. 2); the text says "shift"
    frame_dropout: float = 0.75  # after each of the two FC layers; acts only where the model holds them (4.3)

    # -- fusion, section 3.4
    fusion_text_fc: bool = True  # FC for text and map (3.4); False: f_s enters as it is, at width C (2D-TAN)
    fusion_by: Literal["sentence", "nothing"] = "sentence"  # f_s (3.4), or one vector for all, a control (ours)

    # -- the map convolution
    convolution: Literal["list", "dense", "temporal"] = "list"  # over candidates (ours), 2D-TAN's square, clips in time
    layers: int = 8  # each followed by a ReLU and the share of valid cells (2D-TAN)
    kernel: int = 5  # k, cells of the map under a k×k kernel (2D-TAN)
    padding: int = 16  # dense only: of the first layer; the others have none (2D-TAN)
    init: Literal["unit", "torch"] = "unit"  # weights that keep the signal's size (ours), or PyTorch's own (2D-TAN)

    # -- late guidance, eq. 3
    guidance: int = 6  # K, guidance modules, one after a layer (4.3, 4.5); 0 leaves late guidance out
    guidance_at: Literal["last", "first"] = "last"  # which layers get them (ours)
    guidance_by: Literal["sentence", "nothing"] = "sentence"  # α = W_M′ f_s (eq. 3), or one α for all, a control (ours)
    guidance_norm: Literal["cell", "map", "none"] = "cell"  # over a cell's channels (ours), a channel's map (eq. 3)
    guidance_scale: Literal["unit", "rms"] = "unit"  # norm 1 (eq. 3), or times √C (√P): root mean square 1 (ours)

    # -- label and ranking
    t_min: float = 0.0  # overlap up to which the label is 0 (eq. 4, 4.3)
    t_max: float = 0.5  # overlap from which on the label is 1 (eq. 4, 4.3)
    nms: float = 0.45  # temporal IoU above which NMS removes a lower-ranked prediction (2D-TAN)

    def __post_init__(self) -> None:
        if isinstance(self.scales, list):  # JSON has no tuples
            object.__setattr__(self, "scales", tuple(self.scales))
        for name, hint in get_type_hints(type(self)).items():
            self._check_type(name, hint)
        for name, least in LEAST.items():
            self._demand(getattr(self, name) >= least, name, f"must be at least {least}")
            self._demand(getattr(self, name) <= 10**15, name, "must be at most 10^15")
        self._demand(
            len(self.scales) > 0 and min(self.scales) > 0, "scales", "must hold positive numbers, at least one"
        )
        self._demand(
            len(self.scales) <= MOST_SCALES and max(self.scales) <= MOST_LENGTHS,
            "scales",
            f"must hold at most {MOST_SCALES} numbers, each at most {MOST_LENGTHS:,}",
        )
        self._check_size()
        for name, most in MOST.items():
            self._demand(getattr(self, name) <= most, name, f"must be at most {most:,}")
        self._demand(self.kernel % 2 == 1, "kernel", "must be odd, so that it has a centre")
        self._demand(0 <= self.frame_dropout < 1, "frame_dropout", "must lie in [0, 1)")
        self._demand(0 < self.nms <= 1, "nms", "must lie in (0, 1]")
        self._demand(0 <= self.t_min < self.t_max <= 1, "t_min t_max", "0 <= t_min < t_max <= 1 must hold")
        self._demand(
            self.num_frames % self.num_clips == 0,
            "num_frames num_clips",
            "num_frames must be a multiple of num_clips, so that every clip has as many steps",
        )
        self._demand(
            self.fusion_text_fc or self.text_dim == self.hidden,
            "fusion_text_fc text_dim hidden",
            "f_s can enter as it is only where text_dim equals hidden; else keep fusion_text_fc=True",
        )
        self._demand(
            self.fusion_by == "sentence" or self.fusion_text_fc,
            "fusion_by fusion_text_fc",
            "without the sentence the fusion is by the bias of that FC layer; keep fusion_text_fc=True",
        )
        self._demand(
            self.guidance <= self.layers,
            "guidance layers",
            "a guidance module follows a map layer; ask for as many as there are layers, or fewer",
        )
        lost = self.layers * (self.kernel - 1)  # cells by which unpadded layers shrink the square
        self._demand(
            self.convolution != "dense" or 2 * self.padding == lost,
            "convolution padding layers kernel",
            f"2·padding must be layers·(kernel − 1), so that the square ends at N×N; set padding={lost // 2}",
        )

    def _check_size(self) -> None:
        """Refuse what fits into no machine's memory, before anything is allocated."""
        for count, what, bytes_each in (
            (self.parameters, "the model would have {} parameters", 4),
            (self.num_clips**2, "the map would have {} cells", 8),  # in the table of neighbours
            (self.working_numbers, "one query would take {} numbers at once", 4),
        ):
            if count * bytes_each > MOST_BYTES:
                usual = {name: LGNConfig.__dataclass_fields__[name].default or 20_000 for name in LEAST}
                times = {name: getattr(self, name) / usual[name] for name in LEAST}
                blame = [name for name in LEAST if times[name] >= 10] or [max(LEAST, key=times.get)]
                given = ", ".join(f"{name}={shown(getattr(self, name))}" for name in blame)
                size = f"{what.format(f'{count:,}')}, {count * bytes_each / 1e9:,.0f} GB"
                raise InputError(f"setting {given}: {size}, of at most {MOST_BYTES / 1e9:.0f}; choose smaller sizes")

    @property
    def parameters(self) -> int:
        """How many numbers the weights of the model are."""
        V, E, H, D, C, k = (
            self.vocabulary_size, self.word_dim, self.text_dim, self.visual_dim, self.hidden, self.kernel,
        )  # fmt: skip
        lstm = self.text_layers if self.text_encoder == "lstm" else 0
        inputs = E + (lstm - 1) * H if lstm else 0  # of all LSTM layers: the first reads words, the others read states
        units = {"none": 0, "fc7": 1, "both": 2}[self.early]
        temporal = self.convolution == "temporal"
        lengths = len(self.lengths) if temporal else 1
        return (
            V * E
            + 4 * H * (inputs + lstm * (H + 2))
            + ((H if lstm else E) + 1) * H
            + units * (H + 1) * D * (2 if self.modulation == "scale-shift" else 1)
            + (D + 1) * D * self.has_frame_fc
            + (D + 1) * C
            + (H + 1) * C * self.fusion_text_fc
            + (C + 1) * C
            + 2 * C * C * (self.pooling == "ends" and not temporal)
            + self.layers * (k * (1 if temporal else k) * C + 1) * C
            + (H + 1) * C * (self.guidance > 0)
            + lengths * (C + 1)
        )

    @property
    def working_numbers(self) -> int:
        """How many numbers one query takes at once, at least: its features, or its map and what lies under a kernel."""
        candidates = self.candidates
        side = self.num_clips + 2 * self.padding if self.convolution == "dense" else 0
        listed = candidates * max(self.hidden, self.kernel**2) if self.convolution == "list" else 0
        return max(self.num_frames * self.visual_dim, candidates * self.hidden, side**2 * self.hidden, listed)

    @property
    def candidates(self) -> int:
        """P, how many candidates a video has."""
        return sum((self.num_clips - length) // stride + 1 for length, stride in self.lengths.items())

    @property
    def lengths(self) -> dict[int, int]:
        """Length in clips of the candidates: between the starts of two of them, as `moments.Moments` makes them."""
        found, length, stride = {}, 0, 1
        for lengths in self.scales:
            for _ in range(lengths):
                length += stride
                if length > self.num_clips:
                    return found
                found[length] = stride
            stride *= 2
        return found

    def _check_type(self, name: str, hint: Any) -> None:
        value, choices = getattr(self, name), get_args(hint)
        if name == "scales":
            whole = isinstance(value, tuple) and all(type(n) is int for n in value)
            self._demand(whole, name, "must hold whole numbers")
        elif choices:
            self._demand(value in choices, name, f"choose one of {', '.join(map(repr, choices))}")
        else:  # True is no number here, and a whole number will do for a fraction
            fine = type(value) is hint or (hint is float and type(value) is int)
            self._demand(fine, name, f"must be of type {hint.__name__}")

    def _demand(self, fine: bool, names: str, rule: str) -> None:
        """Raise InputError unless fine, naming the settings concerned and their values."""
        if not fine:
            given = ", ".join(f"{name}={shown(getattr(self, name))}" for name in names.split())
            raise InputError(f"{'contradictory settings' if ' ' in names else 'setting'} {given}: {rule}")

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
        self.check_names(settings)
        return replace(self, **settings)

    @classmethod
    def check_names(cls, settings: Iterable[str]) -> None:
        """Raise InputError, naming them, where some of these are not the names of settings."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(settings) - set(known)):
            raise InputError(f"unknown setting {', '.join(unknown)}; known are {', '.join(known)}")

    @classmethod
    def preset(cls, name: str, **settings: Any) -> LGNConfig:
        """The settings of one of PRESETS, such as "toy" or "charades-sta"; some may be replaced."""
        if name not in PRESETS:
            raise InputError(f"no preset {name!r}: choose one of {', '.join(PRESETS)}")
        return cls().override(**{**PRESETS[name], **settings})

    def table(self) -> dict[str, list[tuple[str, str, str]]]:
        """What is printed: for each group (name, value, meaning), with a * at what is not the paper's Charades-STA."""
        paper, groups = LGNConfig.preset("charades-sta"), {}
        for name, (group, meaning) in _comments().items():
            value = getattr(self, name)
            mark = "" if value == getattr(paper, name) else " *"
            groups.setdefault(group, []).append((name + mark, str(value), meaning))
        return groups

    def __str__(self) -> str:
        lines = []
        for group, rows in self.table().items():
            lines += [group, *(f"  {name:<17} {value:<15} {meaning}" for name, value, meaning in rows)]
        return "\n".join([*lines, LEGEND])

    def _repr_html_(self) -> str:
        rows = []
        for group, settings in self.table().items():
            rows.append(f'<tr><th colspan="3" style="text-align: left">{escape(group)}</th></tr>')
            for setting in settings:
                cells = "".join(f'<td style="text-align: left">{escape(text)}</td>' for text in setting)
                rows.append(f"<tr>{cells}</tr>")
        return f"<table>{''.join(rows)}</table><p>{escape(LEGEND)}</p>"


LEGEND = "* another value than in the preset charades-sta"
LEAST = {
    **dict.fromkeys(("visual_dim", "num_frames", "num_clips", "hidden", "word_dim", "text_dim", "text_layers"), 1),
    **{"layers": 1, "kernel": 1, "vocabulary_size": 0, "padding": 0, "guidance": 0},
}
MOST = {"layers": 1000, "text_layers": 1000, "kernel": 1001}  # memory bounds the other sizes
MOST_BYTES = 40e9  # the weights of the paper's models take 1 % of it
MOST_SCALES, MOST_LENGTHS = 32, 10**6


@cache
def _comments() -> dict[str, tuple[str, str]]:
    """Each field's group and meaning, read from the comments of the class, where people read them too."""
    group, found = "", {}
    for line in inspect.getsource(LGNConfig).splitlines():
        if header := re.fullmatch(r"    # -- (.+)", line):
            group = header[1]
        elif field := re.fullmatch(r"    (\w+): .+?  # (.+)", line):
            found[field[1]] = (group, field[2])
    return found


# The rows of the paper's Tables 4 and 5, and a model that never sees the video.
VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "baseline": {"early": "none", "guidance": 0},
    "early": {"guidance": 0},
    "late": {"early": "none"},
    "blind": {},
}


# The rows of tables that compare them
VARIANT_LABELS = {
    "full": "LGN (early modulation and late guidance)",
    "early": "baseline + early modulation",
    "late": "baseline + late guidance",
    "baseline": "baseline (2D-TAN)",
    "blind": "LGN that never sees the video",
}


def variant_title(name: str) -> str:
    """What people read instead of a variant's name; `full` is the LGN. Other names stay as they are."""
    return "LGN" if name == "full" else name


# What differs from the defaults above; the source of a number is given there or here.
PRESETS: dict[str, dict[str, Any]] = {
    "charades-sta": dict(
        word_vectors="frozen",  # GloVe (3.3), from_pretrained in 2D-TAN's data sets
    ),
    "tacos": dict(
        feature="c3d",  # so that the FC layer after the first unit is a new one (4.3)
        frame_norm="l2",  # NORMALIZE (2D-TAN)
        num_clips=128,  # NUM_SAMPLE_CLIPS 256 / TARGET_STRIDE 2 (2D-TAN)
        scales=(16, 8, 8, 8),  # NUM_SCALE_LAYERS (2D-TAN)
        nms=0.4,  # NMS_THRESH (2D-TAN)
        word_vectors="frozen",  # as above
    ),
    # not in the paper: 2D-TAN's settings with the paper's modules
    "activitynet-captions": dict(
        feature="c3d",  # VIS_INPUT_TYPE (2D-TAN)
        visual_dim=500,  # INPUT_SIZE (2D-TAN): C3D's features, reduced by their publishers
        frame_norm="l2",  # NORMALIZE (2D-TAN)
        num_clips=64,  # NUM_SAMPLE_CLIPS 256 / TARGET_STRIDE 4 (2D-TAN)
        scales=(16, 8, 8),  # NUM_SCALE_LAYERS (2D-TAN)
        layers=4,  # KERNEL_SIZES, four of them (2D-TAN)
        kernel=9,  # KERNEL_SIZES (2D-TAN)
        guidance=4,  # ours: as many of the paper's six as there are layers
        t_min=0.5,  # MIN_IOU (2D-TAN)
        t_max=1.0,  # MAX_IOU (2D-TAN)
        nms=0.5,  # NMS_THRESH (2D-TAN)
        word_vectors="frozen",  # as above
    ),
    # not in the paper: CLIP's and SlowFast's features, 75 clips of 2 s, as Moment-DETR has them; the map reaches over
    # them by 2D-TAN's scales (`own_data_set.possible_maps`), and the modules are the paper's
    "qvhighlights": dict(
        feature="c3d",  # so that the FC layer after the first unit is a new one (4.3)
        visual_dim=2816,  # 512 of CLIP and 2,304 of SlowFast, side by side
        num_frames=75,
        num_clips=75,
        scales=(16, 8, 8, 8),
        nms=0.7,  # several windows may lie close to each other
        word_vectors="frozen",
    ),
    # the course: small enough for two cores. Its moments last 1.5 to 22 s of 41 s on average: a clip lasts 1.7 s, and
    # candidates reach over 16 of 24 clips, the longer ones at stride 2. Three of four layers are guided, as six of
    # eight in the paper. Without the candidates' ends, without t_max = 1 and the rms scale it learns more slowly, and
    # with dropout too, which eight epochs do not need. Word vectors are GloVe's of 50 numbers
    "toy": dict(
        visual_dim=256, num_frames=48, num_clips=24, scales=(8, 4), pooling="ends", hidden=32, word_dim=50,
        word_vectors="frozen", text_dim=128, text_layers=1, frame_dropout=0.0, layers=4, kernel=3, padding=4,
        guidance=3, guidance_scale="rms", t_min=0.3, t_max=1.0,
    ),
}  # fmt: skip
# Toy-STA's long videos: the course's model on the map of TACoS
PRESETS["toy-long"] = PRESETS["toy"] | dict(num_frames=256, num_clips=128, scales=(16, 8, 8, 8))


TRAIN_RANGES: dict[str, Range | tuple[str, ...]] = {
    "epochs": Range(1, 10**6, whole=True),
    "batch_size": Range(1, 10**6, whole=True),
    "learning_rate": Range(0, above=True),
    "optimiser": ("adam", "adamw"),
    "weight_decay": Range(0),
    "schedule": ("constant", "cosine", "trapezoid"),
    "warmup": Range(0, 1, below=True),
    "clip": Range(0, above=True),
    "seed": Range(-(10**12), 10**12, whole=True),  # times a million, in 64 bits: the order of an epoch
    "precision": ("no", "bf16", "fp16"),
    "save_every": Range(0, 10**12, whole=True),
    "workers": Range(0, 1024, whole=True),
    "memory": Range(0, 10**6),
}


@dataclass(frozen=True)
class TrainSettings:
    """How to train. The defaults are 2D-TAN's (its configuration files); the course's are in `recipes.py`."""

    epochs: int = 100
    batch_size: int = 32  # queries of a step, of all processes together
    learning_rate: float = 1e-4
    optimiser: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine", "trapezoid"] = "constant"  # the last: constant, then falling in a line
    warmup: float = 0.0  # share of all steps in which the learning rate rises from zero
    clip: float = 10.0  # largest norm of the gradient
    seed: int = 0  # of the order of the queries and of dropout
    precision: Literal["no", "bf16", "fp16"] = "no"
    save_every: int = 0  # steps between states to resume from; 0: after each epoch
    workers: int = 0  # DataLoader processes of each training process
    memory: float = 4.0  # gigabytes of prepared features that the training split may keep, in each process

    def __post_init__(self) -> None:
        for name, allowed in TRAIN_RANGES.items():
            value, label = getattr(self, name), f"training setting {name}"
            if isinstance(allowed, Range):
                allowed.check(value, label)
            elif value not in allowed:
                raise InputError(f"{label}={shown(value)}: choose one of {', '.join(map(repr, allowed))}")
