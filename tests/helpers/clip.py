"""A CLIP of the right architecture, but small and random: there are no weights without a network."""

from pathlib import Path

import torch


def small_clip(folder: Path, width: int = 16) -> Path:
    """Write a CLIP with two layers and embeddings of this width as `save_pretrained` does; returns the folder."""
    from transformers import CLIPConfig, CLIPModel

    text = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 9,
        "max_position_embeddings": 4, "bos_token_id": 0, "eos_token_id": 1,
    }  # fmt: skip
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=width))
    model.save_pretrained(folder)
    return folder
