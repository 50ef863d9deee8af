"""Positional grids of MS-PE."""

from __future__ import annotations

from dataclasses import replace

import torch

from anyres_bench.baselines.mspe.encodings import CSG, SPE, resize
from anyres_bench.core.geometry import Size


def test_cartesian_grids_run_from_end_to_end_x_first() -> None:
    grid = CSG().grid(Size(3, 5))
    assert grid.shape == (1, 2, 3, 5)
    assert grid[0, 0, 1].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert grid[0, 1, :, 2].tolist() == [-1, 0, 1]
    assert CSG().grid(Size(1, 1)).flatten().tolist() == [-1, -1]


def test_sinusoids_encode_x_in_the_first_half_and_y_in_the_second() -> None:
    spe = SPE(embedding_dim=8)
    grid = spe.grid(Size(4, 6))
    assert grid.shape == (1, spe.channels, 4, 6)
    x, y = grid[0, :8], grid[0, 8:]
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert torch.equal(y, y[:, :, :1].expand_as(y))
    assert torch.equal(x[:, 0, :4], y[:, :, 0])  # an index has one code on both axes
    positions = torch.arange(1.0, 7)
    assert torch.allclose(x[0, 0], positions.sin())
    assert torch.allclose(x[4, 0], positions.cos())


def test_codes_count_indices_that_are_there() -> None:
    plain = SPE(embedding_dim=4)
    shifted = replace(plain, center_shift=100)
    assert torch.equal(shifted.grid(Size(5, 5)), plain.grid(Size(5, 5)))
    gap = replace(plain, center_shift=0).grid(Size(5, 5))[0, :4, 0]
    assert not gap[:, 2].any()  # index 0 means that nothing is here
    assert gap[:, [0, 1, 3, 4]].any(0).all()


def test_an_axis_longer_than_the_table_changes_the_frequencies_of_a_divided_one() -> None:
    short = SPE(embedding_dim=8, init_size=8, div_half_dim=True)
    fits, rebuilt = short.grid(Size(7, 7)), short.grid(Size(7, 8))
    assert not torch.allclose(fits[0, :8, 0], rebuilt[0, :8, 0, :7])
    plain = replace(short, div_half_dim=False)
    assert torch.allclose(plain.grid(Size(7, 8))[0, :8, 0], rebuilt[0, :8, 0])


def test_corners_stay_in_the_corners() -> None:
    grid = CSG().grid(Size(2, 2))
    assert torch.allclose(resize(grid, Size(5, 9)), CSG().grid(Size(5, 9)), atol=1e-6)
