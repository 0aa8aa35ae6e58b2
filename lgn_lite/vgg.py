"""VGG networks up to their two fully connected layers: frames → features.

One class holds torchvision's VGG16 and the small VGG of Toy-STA, so that drawn and filmed videos take one path.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import batched, islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import WeightsEnum
from torchvision.models.vgg import cfgs, make_layers
from torchvision.transforms.v2 import functional as TF

from lgn_lite.errors import InputError
from lgn_lite.files import atomic_path
from lgn_lite.video import VideoInfo, iter_frames, probe
