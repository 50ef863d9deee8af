"""FIR filters with resampling: the plain sums, whatever the factors and the padding."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.models.fir import Fir, Inlet, PlaneFilter, separate
from anyres_bench.models.resample import Padding, upfirdn2d

FACTORS = [(1, 1), (2, 1), (1, 2), (4, 1), (2, 4)]


def dense(fir: Fir) -> torch.Tensor:
    """The whole matrix (n_out, n_in), entry by entry from the definition."""
    matrix = torch.zeros(fir.n_out, fir.n_in)
    for o in range(fir.n_out):
        for i in range(fir.n_in):
            tap = fir.up * i + fir.before - fir.down * o
            if 0 <= tap < len(fir.taps):
                matrix[o, i] = fir.taps[tap]
    return matrix


@pytest.mark.parametrize(("up", "down"), FACTORS)
@pytest.mark.parametrize("padding", [(0, 0), (5, 4), (-2, 3)])
def test_planes_are_filtered_by_the_definition(
    up: int, down: int, padding: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    y = Fir.of(torch.randn(6), 19, (up, down), padding, 8)
    x = Fir.of(torch.randn(6), 23, (up, down), padding, 8)
    image = torch.randn(2, 19, 23)
    inlet = Inlet(image, 2, y, x)
    inside, part = inlet.place(image)
    inside.copy_(part)
    plane = PlaneFilter([(y, x)], inlet.buffer)
    plane.run()
    want = dense(y) @ image @ dense(x).T
    assert torch.allclose(plane.target[:, : y.n_out, : x.n_out], want, atol=1e-5)
    whole = upfirdn2d(
        image[None], torch.outer(y.taps.flip(0), x.taps.flip(0)), up=up, down=down,
        padding=Padding(*padding, *padding),
    )  # fmt: skip
    assert torch.allclose(whole[0], want, atol=1e-5)


@pytest.mark.parametrize(("up", "down"), FACTORS)
def test_the_adjoint_is_the_transposed_matrix(up: int, down: int) -> None:
    fir = Fir.of(torch.arange(1.0, 8), 17, (up, down), (3, 2), 8)
    assert torch.equal(dense(fir.adjoint), dense(fir).T)
    assert torch.equal(dense(fir.adjoint.adjoint), dense(fir))


def test_kernels_are_sums_of_separable_terms() -> None:
    torch.manual_seed(0)
    assert len(separate(torch.outer(torch.randn(5), torch.randn(4)))) == 1
    kernel = torch.randn(5, 4)
    terms = separate(kernel)
    assert len(terms) == 4
    assert torch.allclose(sum(torch.outer(y, x) for y, x in terms), kernel, atol=1e-5)
    line = torch.randn(3)
    [(y, x)] = separate(line)
    assert y is x is line
