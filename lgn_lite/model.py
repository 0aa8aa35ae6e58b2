"""The model: 2D-TAN with the sentence guiding all three stages.

Read from top to bottom, it follows the data: sentence encoder, early modulation, fusion, map convolution, late
guidance, and LGN, which puts them together. Dimensions are named as everywhere in the course: B batch, T frames,
N map size, P candidates, C channels, D visual width, W words, H text width, K guidance modules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from torch import Tensor, nn

from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.map_convolution import ListConvolution
from lgn_lite.model_card import model_card
from lgn_lite.moments import Moments
from lgn_lite.support.weights import check_weights

Trace = dict[str, Tensor]  # the values between the stages, by name, for notebooks, tests and the inspector


class SentenceEncoder(nn.Module):
    """A sentence to one vector f_s: word vectors, LSTM, last valid state, linear (section 3.3).

    With layers=0 there is no LSTM but the mean of the word vectors: a bag of words, which knows no order.

    Args:
        word_dim: width of a word vector.
        text_dim: H, width of the LSTM and of f_s.
        layers: of the LSTM.
        vocabulary_size: words with a vector in the model, padding included; 0: it is given vectors, not numbers.
        frozen: leave the word vectors as they are.
    """

    def __init__(self, word_dim: int, text_dim: int, layers: int, vocabulary_size: int = 0, frozen: bool = False):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, word_dim, padding_idx=0) if vocabulary_size else None
        if self.embedding is not None:  # GloVe's vectors stay frozen: words never trained on then keep their neighbours
            self.embedding.weight.requires_grad_(not frozen)
        self.lstm = nn.LSTM(word_dim, text_dim, num_layers=layers, batch_first=True) if layers else None
        self.linear = nn.Linear(text_dim if layers else word_dim, text_dim)  # the paper's last step to f_s (3.3)

    def forward(self, words: Tensor, word_counts: Tensor) -> Tensor:
        """(B, W) word numbers or (B, W, word_dim) word vectors, (B,) counts → f_s (B, H)."""
        B, W = words.shape[:2]  # batch, words
        if not words.is_floating_point():
            if self.embedding is None:
                raise InputError("this model was built for word vectors (vocabulary_size=0), but got word numbers")
            words = self.embedding(words)  # (B, W, word_dim)
        if self.lstm is None:
            known = torch.arange(W, device=words.device) < word_counts.unsqueeze(1)  # (B, W), False where padded
            return self.linear((words * known.unsqueeze(2)).sum(1) / word_counts.unsqueeze(1))  # (B, H)
        with torch.autocast("cpu", enabled=False):  # without AVX-512, oneDNN has no LSTM in bf16; GPUs heed no "cpu"
            states, _ = self.lstm(words)  # (B, W, H)
        # The LSTM runs forward, so the state after the last word knows nothing of the padding: no packing is needed.
        return self.linear(states[torch.arange(B, device=words.device), word_counts - 1])  # (B, H)


class EarlyModulation(nn.Module):
    """Scale every channel of a visual feature by the sentence: F = (W_M f_s) ∘ f_v (eq. 2).

    With `shift`, W_M gives a shift as well, as in FiLM: the text of the paper speaks of a "shift operation".
    """

    def __init__(self, text_dim: int, channels: int, shift: bool = False):
        super().__init__()
        # W_M: section 3.3 calls it an MLP, but asks that it "linearly transform" f_s to the width of the feature
        self.project = nn.Linear(text_dim, channels * (2 if shift else 1))
        with torch.no_grad():  # begins near "change nothing", so that pretrained features arrive whole
            self.project.bias.zero_()
            self.project.bias[:channels] = 1

    def forward(self, features: Tensor, sentence: Tensor) -> Tensor:
        """(B, T, D) features, (B, H) f_s → (B, T, D)."""
        B, T, D = features.shape  # batch, frames, visual width
        gate = self.project(sentence).unsqueeze(1)  # (B, 1, D) or (B, 1, 2·D); the same for all frames
        modulated = gate[..., :D] * features  # (B, T, D); no sigmoid: eq. 2 bounds neither size nor sign of the gate
        return modulated + gate[..., D:] if gate.shape[-1] > D else modulated


class FrameLayers(nn.Module):
    """Stored frame features to the N clips of the map: the FC layers with their early modulation, then averaging.

    Stored fc6 (before its ReLU): unit → ReLU → dropout → fc7 → unit → ReLU → dropout. Stored fc7 or C3D: unit →
    new FC → unit → ReLU → dropout, or nothing at all without early modulation. Then 2D-TAN's frame layer.
    """

    def __init__(self, config: LGNConfig):
        super().__init__()
        D, shift = config.visual_dim, config.modulation == "scale-shift"
        self.relu_first = config.feature == "fc6"  # fc7 and C3D are stored after their ReLU
        # Section 4.3 has two units and two dropouts after FC layers, 3.3 names the second FC layer only: VGG16 has two
        # of width 4,096, fc6 and fc7, and each gets a unit. Units after convolutions the paper found unsatisfactory.
        self.unit1 = EarlyModulation(config.text_dim, D, shift) if config.early == "both" else None
        self.fc = nn.Linear(D, D) if config.has_frame_fc else None  # trained here: it can adapt to what a unit leaves
        self.unit2 = EarlyModulation(config.text_dim, D, shift) if config.early != "none" else None
        self.dropout = nn.Dropout(config.frame_dropout)  # without parameters: one module serves both layers
        self.reduce = nn.Linear(D, config.hidden)  # 2D-TAN's 1×1 convolution
        self.num_clips = config.num_clips

    def units(self) -> list[EarlyModulation]:
        """The early modulation units that the settings ask for, in order."""
        return [unit for unit in (self.unit1, self.unit2) if unit is not None]

    def forward(self, video: Tensor, sentence: Tensor, trace: Trace | None = None) -> Tensor:
        """(B, T, D) stored features, (B, H) f_s → (B, N, C) clip features."""
        B, T, D = video.shape  # batch, frames, visual width
        x = video  # (B, T, D), and so until the averaging
        # A unit precedes the ReLU: a negative gate can then let a channel through that the ReLU would have cut off.
        if self.unit1 is not None:
            x = self.unit1(x, sentence)
        if self.relu_first:
            x = self.dropout(F.relu(x))
        if self.fc is not None:
            x = self.fc(x)
            if self.unit2 is not None:
                x = self.unit2(x, sentence)
            x = self.dropout(F.relu(x))
        if trace is not None:
            trace["frames"] = x
        clips = F.relu(self.reduce(x))  # (B, T, C); ReLU first, then the mean, as in 2D-TAN
        return clips.view(B, self.num_clips, T // self.num_clips, -1).mean(2)  # (B, N, C)


class LateGuidance(nn.Module):
    """Channel attention from the sentence on the localiser's output: C′ = α ∘ C / ‖α ∘ C‖ (eq. 3).

    `norm="cell"` takes the norm over the channels of each candidate; `norm="map"` is the literal eq. 3, each channel
    over all candidates, in which |α| cancels. `scale="rms"` multiplies by the root of the number of terms, so that
    features keep unit size instead of unit norm.
    """

    def __init__(self, norm: str, scale: str):
        super().__init__()
        self.norm, self.scale = norm, scale

    def forward(self, x: Tensor, alpha: Tensor) -> Tensor:
        """(B, P, C) map features, or (B, N, C) of clips, (B, C) attention α → the same shape."""
        B, P, C = x.shape  # batch, candidates, channels
        x = alpha.unsqueeze(1) * x  # (B, P, C): each channel by one number, the same for all candidates
        if self.norm == "none":  # a control: what the attention does without the norm
            return x
        # Eq. 3 prints the norm of a channel C_i, which runs over the map. Over the channels of a cell, as in fusion,
        # the channels compete: what α_i amounts to next to the other α counts, not its sign alone.
        axis, terms = (2, C) if self.norm == "cell" else (1, P)
        # a norm of 1 leaves entries of about 1/√terms, which rms scales back to about 1
        return F.normalize(x, dim=axis) * (math.sqrt(terms) if self.scale == "rms" else 1.0)


class LGN(nn.Module, PyTorchModelHubMixin):
    """Language Guided Networks: score every moment candidate of a video for a sentence.

    With `early="none"` and `guidance=0` it is the 2D-TAN baseline; either alone gives the rows of Table 4.
    """

    def __init__(self, config: LGNConfig):
        super().__init__()
        if isinstance(config, dict):  # the hub hands over the JSON as it was read
            config = LGNConfig.from_dict(config)
        _check_memory(config)
        C, H = config.hidden, config.text_dim
        self.config = config
        # the layers are laid out by these tables, so they are numbers even where weights are shapes only
        device = torch.get_default_device()
        with torch.device("cpu" if device.type == "meta" else device):
            self.moments = Moments(config.num_clips, config.scales)
        frozen, layers = config.word_vectors == "frozen", config.text_layers if config.text_encoder == "lstm" else 0
        self.sentence = SentenceEncoder(config.word_dim, H, layers, config.vocabulary_size, frozen)
        self.frames = FrameLayers(config)
        # 3.4 has FC layers for text and map; in 2D-TAN the text has but one, which here is the sentence encoder's own
        self.fuse_text = nn.Linear(H, C) if config.fusion_text_fc else nn.Identity()
        self.fuse_video = nn.Linear(C, C)
        self.convolutions = nn.ModuleList(self._layer(i) for i in range(config.layers))
        self.guide = LateGuidance(config.guidance_norm, config.guidance_scale)
        self.attention = nn.Linear(H, C) if config.guidance else None  # W_M′, shared by all K modules
        self.temporal = config.convolution == "temporal"  # the one-dimensional localiser
        # a maximum holds what occurs in a candidate, not where it begins and ends: that these add
        self.fuse_ends = nn.Linear(C, 2 * C, bias=False) if config.pooling == "ends" and not self.temporal else None
        middle, length, lengths = self.moments.anchors()
        self.register_buffer("middle", middle, persistent=False)  # (P,) the clip that scores a candidate there
        self.register_buffer("length", length, persistent=False)  # (P,) which of its scores that is
        # σ of eq. 1, a classification without regression of the boundaries; 2D-TAN's 1×1 convolution
        self.score = nn.Linear(C, lengths if self.temporal else 1)
        self.reset_parameters()
        self.register_load_state_dict_pre_hook(_check_loaded)

    def _layer(self, i: int) -> nn.Module:
        C, k = self.config.hidden, self.config.kernel
        if self.config.convolution == "list":
            return ListConvolution(C, self.moments, k)
        if self.config.convolution == "temporal":
            return nn.Conv1d(C, C, k, padding=k // 2)
        # 2D-TAN pads once for all layers: each unpadded one takes k − 1 cells off the side, and the last ends at N×N
        return nn.Conv2d(C, C, k, padding=self.config.padding if i == 0 else 0)

    def reset_parameters(self) -> None:
        """Initialisation: neutral attention, and with init="unit" weights that keep every signal at unit size.

        PyTorch's own lets the sentence fade before it has an effect: the LSTM forgets the first words, and f_s is
        mostly bias. The map layers fade too: dividing by the number n of valid cells shrinks the signal by about k√(6n)
        per layer, 54 times for 5×5, below 1e-13 over 2D-TAN's eight; Var = 2n/C undoes it.
        """
        if self.attention is not None:
            nn.init.ones_(self.attention.bias)
        if self.config.fusion_by == "nothing":  # of that FC layer only its bias has an effect
            nn.init.ones_(self.fuse_text.bias)
        if self.config.init == "torch":
            return
        C, H = self.config.hidden, self.config.text_dim
        for name, numbers in self.sentence.lstm.named_parameters() if self.sentence.lstm is not None else ():
            if name.startswith("bias"):
                nn.init.zeros_(numbers)
            if name.startswith("bias_ih"):
                nn.init.constant_(numbers[H : 2 * H], 4.0)  # the forget gate: keep the subject until the verb has come
            if name.startswith("weight_ih"):  # PyTorch's own, about 0.6/√H, would leave a word vector little to say
                nn.init.normal_(numbers, std=2 / math.sqrt(numbers.shape[1]))
        # before training the LSTM's states are about 0.4, the mean of a sentence's word vectors about 1/4
        for layer, gain in ((self.sentence.linear, 4.0), (self.fuse_text, 1.0)):
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.in_features))
                nn.init.constant_(layer.bias, float(layer is self.fuse_text and self.config.fusion_by == "nothing"))
        # sentences differ in their gates from the first step on, by about 0.2 around 1: pretrained features survive
        for layer in (*(unit.project for unit in self.frames.units()), *filter(None, [self.attention])):
            nn.init.normal_(layer.weight, std=0.2 / math.sqrt(H))
        nn.init.kaiming_normal_(self.frames.reduce.weight, nonlinearity="relu")
        nn.init.zeros_(self.frames.reduce.bias)
        nn.init.zeros_(self.fuse_video.bias)  # its weight's size does not matter: the fused map is normalised
        cells = self.moments.neighbours(self.config.kernel) < len(self.moments)  # (P, k²)
        n = cells.sum(1).float().mean().item()  # valid cells under a kernel, on average
        if self.temporal:
            n = 1 / self.config.kernel  # Var = 2/(k·C): nothing is divided there
        for i, layer in enumerate(self.convolutions):
            # the fused map has norm 1, its entries size 1/√C; so has what a unit-norm guidance module leaves
            unit = self.config.guidance_scale == "unit" and self.config.guidance_norm != "none"
            small = i == 0 or (self._guided(i - 1) and unit)
            nn.init.normal_(layer.weight, std=math.sqrt(2 * n / C) * (math.sqrt(C) if small else 1))
            nn.init.zeros_(layer.bias)

    def _guided(self, layer: int) -> bool:
        # 4.3 has six modules and 2D-TAN eight layers; which of them are guided the paper leaves open
        K, layers = self.config.guidance, self.config.layers
        return layer >= layers - K if self.config.guidance_at == "last" else layer < K

    def generate_model_card(self, **known: Any) -> ModelCard:
        """The card that `save_pretrained` and `push_to_hub` write; known: what `model_card` takes next to settings."""
        return model_card(self.config, **known)

    def forward(self, video: Tensor, words: Tensor, word_counts: Tensor, trace: Trace | None = None) -> Tensor:
        """Score all candidates.

        Args:
            video: (B, T, D) stored features at fixed length.
            words: (B, W) word numbers, or (B, W, word_dim) word vectors.
            word_counts: (B,) words of each sentence, at least 1.
            trace: where given, receives the values between the stages by name.

        Returns:
            (B, P) logits; their sigmoid is the predicted, scaled IoU of eq. 4.
        """
        f_s = self.sentence(words, word_counts)  # (B, H)
        clips = self.frames(video, f_s, trace)  # (B, N, C)
        if trace is not None:
            trace |= {"sentence": f_s, "clips": clips}
        return self.localise(clips, f_s, self.alpha(f_s), trace)

    def localise(self, clips: Tensor, sentence: Tensor, alpha: Tensor | None, trace: Trace | None = None) -> Tensor:
        """The scores from the clips on: candidates, fusion, localiser (sections 3.3 to 3.5).

        Args:
            clips: (B, N, C), as the frame layers give them.
            sentence: (B, H) f_s for the fusion.
            alpha: (B, C) channel attention for the guidance modules; None without guidance.
            trace: as of `forward`.

        Returns:
            (B, P) logits.
        """
        # (B, P, C): maximum over the clips of each candidate; the one-dimensional localiser stays with the clips
        proposals = clips if self.temporal else self.moments.pool(clips)
        video = self.fuse_video(proposals)  # (B, P, C)
        if self.fuse_ends is not None:
            change = F.pad(clips, (0, 0, 1, 1)).diff(dim=1)  # (B, N + 1, C): each clip minus the one before
            starts, ends = self.fuse_ends(change).chunk(2, dim=-1)
            video = video + starts[:, self.moments.start_index] + ends[:, self.moments.end_index + 1]
        # section 3.4: FC for text and map, Hadamard product, L2 norm; over the channels of a candidate, as in 2D-TAN
        asked = sentence if self.config.fusion_by == "sentence" else torch.zeros_like(sentence)
        fused = F.normalize(self.fuse_text(asked).unsqueeze(1) * video, dim=-1)  # (B, P, C)
        if trace is not None:
            trace |= {"proposals": proposals, "fused": fused}
            if alpha is not None:
                trace["alpha"] = alpha
        x = self.convolve(fused, alpha, trace)  # (B, P, C), or (B, N, C)
        if trace is not None:
            trace["features"] = x
        scores = self.score(x)  # (B, P, 1), or (B, N, lengths)
        # (B, P) logits: the loss takes the sigmoid itself, which stays exact where a score is close to 0 or 1
        return scores[:, self.middle, self.length] if self.temporal else scores.squeeze(-1)

    def alpha(self, sentence: Tensor) -> Tensor | None:
        """The channel attention of late guidance, α = W_M′ f_s (eq. 3): (B, H) → (B, C); None without guidance.

        With guidance_by="nothing" only W_M′'s bias is left, the same for all sentences: whether late guidance needs
        the sentence is then a row of the ablation.
        """
        if self.attention is None:
            return None
        return self.attention(sentence if self.config.guidance_by == "sentence" else torch.zeros_like(sentence))

    def convolve(self, x: Tensor, alpha: Tensor | None = None, trace: Trace | None = None) -> Tensor:
        """The localiser's layers with their late guidance: (B, P, C) fused candidates → (B, P, C).

        With convolution="temporal" it is (B, N, C) fused clips → (B, N, C): eq. 3 asks for channels, not for a map.

        alpha: (B, C) attention, shared by all modules (section 3.5), or (B, K, C), each module its own, to see what
        every one of them does.
        """
        K = self.config.guidance  # guidance modules
        # one α for all K modules: section 3.5 shares W_M′ among them, so they add few parameters
        alphas = iter(() if alpha is None else (alpha.unbind(1) if alpha.dim() == 3 else [alpha] * K))
        return (self._dense_map if self.config.convolution == "dense" else self._list_map)(x, alphas, trace)

    def _list_map(self, x: Tensor, alphas: Iterator[Tensor], trace: Trace | None) -> Tensor:
        """Over the list of candidates, or over the clips in time."""
        for i, layer in enumerate(self.convolutions):
            # (B, P, C), or (B, N, C); ListConvolution has its ReLU and its share of valid cells within
            x = F.relu(layer(x.transpose(1, 2))).transpose(1, 2) if self.temporal else layer(x)
            if trace is not None:
                trace[f"map_{i}"] = x
            if self._guided(i):
                x = self.guide(x, next(alphas))
                if trace is not None:
                    trace[f"guided_{i}"] = x
        return x

    def _dense_map(self, x: Tensor, alphas: Iterator[Tensor], trace: Trace | None) -> Tensor:
        """2D-TAN's square map: padded once, shrinking to N×N, with a mask that grows by each layer."""
        x = self.moments.to_map(x).permute(0, 3, 1, 2)  # (B, C, N, N)
        mask = self.moments.mask.to(x.dtype)[None, None]  # (1, 1, N, N): the same for all queries and channels
        for i, layer in enumerate(self.convolutions):
            x = F.relu(layer(x))  # (B, C, side, side)
            # a kernel of ones counts the valid cells under it; a fast convolution may return 4.9999 for 5
            counts = F.conv2d(mask, mask.new_ones(1, 1, *layer.kernel_size), padding=layer.padding).round()
            share = torch.where(counts > 0, 1 / counts.clamp(min=1), 0)  # else a cell at the edge would count for less
            mask = (counts > 0).to(x.dtype)  # a cell that a kernel can reach counts as valid from then on
            x = x * share
            if trace is not None:
                trace[f"map_{i}"], trace[f"share_{i}"] = x, share[0, 0]
            if self._guided(i):
                side = x.shape[-2:]  # to (B, side², C), the guidance's shape, and back
                x = self.guide(x.flatten(2).transpose(1, 2), next(alphas)).transpose(1, 2).unflatten(2, side)
                if trace is not None:
                    trace[f"guided_{i}"] = x
        return self.moments.from_map(x.permute(0, 2, 3, 1))  # (B, P, C)


def _check_loaded(model: nn.Module, weights: Trace, prefix: str, *_: object) -> None:
    """Whatever loads weights, they are finite and floating-point; else InputError."""
    check_weights({name: value for name, value in weights.items() if name.startswith(prefix)}, "weights")


def _check_memory(config: LGNConfig) -> None:
    """Refuse a model that this machine cannot hold, before anything is allocated."""
    import psutil

    needed, has = 4 * config.parameters + 8 * config.num_clips**2, psutil.virtual_memory().total
    if needed > has and torch.get_default_device().type == "cpu":
        raise InputError(
            f"a model of {config.parameters:,} parameters takes {needed / 1e9:,.0f} GB, this machine has "
            f"{has / 1e9:,.0f}: choose smaller sizes, such as hidden={config.hidden}"
        )
