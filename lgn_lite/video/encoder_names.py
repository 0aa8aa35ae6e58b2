"""Frame encoders by name: what a user writes → the network.

clip            CLIP ViT-B/32, from the cache of the Hugging Face hub or from the hub
clip:MODEL      another CLIP: ViT-B/16, ViT-L/14, a name on the hub (ORG/NAME), or a folder of `save_pretrained`
vgg16           VGG16 with torchvision's weights of ImageNet, which are downloaded
FILE            VGG16 with the weights of a file, or the network that `VGGFrames.save` wrote
"""

from pathlib import Path

from lgn_lite.errors import InputError
from lgn_lite.support.reading import shown
from lgn_lite.video.encoder import FrameEncoder

CHOICES = "clip, clip:MODEL, vgg16, or a file of VGG16's weights"


def load_encoder(name: str | Path, layer: str | None = None) -> FrameEncoder:
    """The frame encoder of a name, as above, or of what a `FrameEncoder.name` says of a CLIP.

    Args:
        name: what the user writes.
        layer: a VGG's, fc6 or fc7; None: what its file says, otherwise fc6.

    Returns:
        The encoder, on the CPU. Raises InputError for another name, and as `CLIPFrames.load`, `VGGFrames.load` and
        `VGGFrames.vgg16` do.
    """
    from lgn_lite.video.clip import CLIPFrames, clip_model
    from lgn_lite.video.vgg import VGGFrames

    if (model := clip_model(str(name))) is not None:
        return CLIPFrames.load(model)
    if str(name) == "vgg16":
        from torchvision.models import VGG16_Weights

        return VGGFrames.vgg16(layer or "fc6", VGG16_Weights.IMAGENET1K_V1)
    if str(name) and Path(name).is_dir():
        raise InputError(f"{name}: is a folder; a CLIP's is given as clip:{name}, VGG16's weights are one file")
    if not Path(name).is_file():
        raise InputError(f"no frame encoder {shown(str(name))}, and no such file; give {CHOICES}")
    if VGGFrames.is_saved(name):
        return VGGFrames.load(name, layer)
    return VGGFrames.vgg16(layer or "fc6", name)


def with_absolute_path(name: str) -> str:
    """The same name for a process that runs in another folder."""
    kind, _, path = name.partition(":")
    if kind.lower() == "clip":
        return f"{kind}:{Path(path).absolute()}" if path and Path(path).exists() else name
    return str(Path(name).absolute()) if name != "vgg16" and Path(name).exists() else name
