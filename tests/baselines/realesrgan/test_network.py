"""The networks of Real-ESRGAN."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.baselines.realesrgan import network as realesrgan


def test_spectral_norm_divides_by_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    network = realesrgan.UNetDiscriminatorSN(num_feat=4).train()
    image = torch.rand(1, 3, 16, 16)
    for _ in range(200):
        logits = network(image)
    assert logits.shape == (1, 1, 16, 16)
    conv = network.conv3
    matrix = conv.weight_orig.detach().flatten(1)
    sigma = conv.weight_u @ matrix @ conv.weight_v
    assert float(sigma) == pytest.approx(float(torch.linalg.matrix_norm(matrix, 2)), rel=1e-2)
    assert {"conv1.weight_orig", "conv1.weight_u", "conv1.weight_v"} <= set(network.state_dict())
