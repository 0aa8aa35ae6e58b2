"""What several tests share: the folder of real files beside the project, and seeds."""

from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared():
    """`shared("data/video/x.mp4")` is that file; the test skips, naming it, where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"needs ../shared/{name}")
        return path

    return find


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
