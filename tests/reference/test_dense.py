"""The filtered leaky ReLU by whole matrices: its definition, many chunks, its gradient."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.models.fir import Fir
from anyres_bench.reference import dense
from anyres_bench.reference.dense import Dense, DenseFilter, DenseFunction

HEIGHT, WIDTH = 7, 9


def filters(n_terms: int) -> Dense:
    """Twice up and twice down, the latter as a sum of terms, in double precision."""
    rng = torch.Generator().manual_seed(1)

    def term(height: int, width: int, factors: tuple[int, int]) -> tuple[Fir, Fir]:
        y, x = (torch.rand(4, generator=rng).double() for _ in range(2))
        return Fir.of(y, height, factors, (2, 1), 4), Fir.of(x, width, factors, (2, 1), 4)

    up = [term(HEIGHT, WIDTH, (2, 1))]
    fine = up[0][0].n_out, up[0][1].n_out
    down = [term(*fine, (1, 2)) for _ in range(n_terms)]
    return Dense(DenseFilter.of(up), DenseFilter.of(down), slope=0.3, bound=0.8)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    shapes = ((2, 3, HEIGHT, WIDTH), (2, 3), (3,))
    x, scale, bias = (torch.randn(shape, generator=rng).double() for shape in shapes)
    return x.requires_grad_(), scale.requires_grad_(), bias.requires_grad_()


def plain(x: Tensor, scale: Tensor, bias: Tensor, op: Dense) -> Tensor:
    def through(filtered: DenseFilter, images: Tensor) -> Tensor:
        return torch.stack([y @ images @ x for y, x in filtered.terms]).sum(0)

    fine = through(op.up, x * scale[:, :, None, None] + bias[:, None, None])
    return through(op.down, F.leaky_relu(fine, op.slope).clamp(-op.bound, op.bound))


@pytest.mark.parametrize("chunk", [1, 600, 1 << 20])  # one plane at once, two, and all
@pytest.mark.parametrize("n_terms", [1, 2])
def test_values_and_gradients_are_those_of_the_stages(
    monkeypatch: pytest.MonkeyPatch, n_terms: int, chunk: int
) -> None:
    monkeypatch.setattr(dense, "_CHUNK", chunk)
    op, tensors = filters(n_terms), inputs()
    found, want = DenseFunction.apply(*tensors, op), plain(*tensors, op)
    torch.testing.assert_close(found, want)
    weights = torch.linspace(-1, 1, found.numel()).double().view_as(found)
    gradients = [torch.autograd.grad((out * weights).sum(), tensors) for out in (found, want)]
    torch.testing.assert_close(*gradients)


def test_images_may_have_their_channels_last() -> None:
    op, (x, *others) = filters(1), inputs()
    last = x.detach().to(memory_format=torch.channels_last).requires_grad_()
    found, want = (DenseFunction.apply(images, *others, op) for images in (last, x))
    assert torch.equal(found, want)
    assert torch.equal(*(torch.autograd.grad(o.sum(), i)[0] for o, i in ((found, last), (want, x))))


def test_values_are_the_same_without_a_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    op, tensors = filters(1), inputs()
    with torch.no_grad():
        whole = DenseFunction.apply(*tensors, op)
    monkeypatch.setattr(dense, "_CHUNK", 1)
    torch.testing.assert_close(DenseFunction.apply(*tensors, op).detach(), whole)


def test_a_gradient_of_the_gradient_is_refused() -> None:
    tensors = inputs()
    out = DenseFunction.apply(*tensors, filters(1))
    with pytest.raises(UsageError, match="differentiated once"):
        torch.autograd.grad(out.sum(), tensors, create_graph=True)
