"""Files whose names are not the official ones: every loader says which name it misses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import CheckpointError
from anyres_bench.models.loading import load
from tests.baselines import tiny


def rename(path: str, old: str, new: str) -> None:
    """Give one tensor of a file another name."""

    def renamed(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {new if key == old else key: renamed(part) for key, part in value.items()}

    torch.save(renamed(torch.load(path)), path)


@pytest.mark.parametrize(
    ("spec", "write", "old", "new"),
    [
        ("anycost", tiny.anycost_file, "style.1.weight", "style_1.weight"),
        ("anycost", tiny.anycost_file, "conv1.noise.weight", "conv1.noises.weight"),
        (
            "infinitygan",
            tiny.infinity_file,
            "texture_synthesizer.mapping.1.weight",
            "texture_synthesizer.mapping.1.weights",
        ),
        ("liif:{base}", tiny.liif_file, "encoder.head.0.bias", "encoder.heads.0.bias"),
        ("realesrgan:{base}", tiny.realesrgan_file, "conv_first.weight", "conv_1st.weight"),
        ("realesrgan:{base}", tiny.realesrgan_file, "conv_up1.bias", "conv_upper1.bias"),
    ],
)
def test_a_renamed_tensor_is_named(
    spec: str, write: Callable[[Path], str], old: str, new: str, tmp_path: Path
) -> None:
    path = write(tmp_path)
    rename(path, old, new)
    base = tiny.write_images(tmp_path / "small", (8, 8))
    with pytest.raises(CheckpointError) as caught:
        load(spec.format(base=f"folder:{base}"), {"weights": path})
    assert old in str(caught.value)
    assert new in str(caught.value)
