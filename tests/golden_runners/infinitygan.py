"""Runner of `infinitygan_*`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from anyres_bench.baselines.infinitygan import network as infinitygan
from anyres_bench.baselines.infinitygan.patches import STRIDE, Patches
from anyres_bench.core.geometry import Box, Size
from tests.golden import Case, Check
from tests.golden_runners.fill import compare, inputs, load


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    shapes = {name: tuple(shape) for name, shape, *_ in case.meta["weights"]}
    network = load(case, infinitygan.InfinityGANNetwork(infinitygan.Architecture.of(shapes)))
    yield (
        "",
        patchwise(case, network) if "manager" in case.meta["params"] else direct(case, network),
    )


def crop(x: torch.Tensor, box: Box) -> torch.Tensor:
    return x[:, :, box.top : box.bottom, box.left : box.right]


def direct(case: Case, network: infinitygan.InfinityGANNetwork) -> Iterator[Check]:
    given, params = inputs(case), case.meta["params"]
    z, second = given["global_latent"][:, 0], given["global_latent_mix"]
    n_layers = len(network.architecture.widths)
    got, mixed = {"styles": network.texture_synthesizer.mapping(z)}, None
    for tag, made in params["runs"].items():
        local = given[made["local"]]
        coords = network.architecture.coordinates(local.shape[2], Box.whole(Size(*local.shape[2:])))
        noise = [given[f"{made['noise']}/noise_{i}"] for i in range(n_layers)]
        got[f"coords_{tag}"] = coords
        got[f"structure_{tag}"] = network.structure_synthesizer(z, local, coords)
        got[f"img_{tag}"] = network(z, network.styles(z), local, coords, noise)
        if mixed is None:  # the mixed image has the first run's latents
            styles = network.styles(second[:, 0], second[:, 1], switch=params["mix"])
            mixed = network(second[:, 0], styles, local, coords, noise)
    for i, (row, column) in enumerate(params["train_windows"]):
        got[f"train_coords_{i}"] = network.architecture.training_coordinates(row, column)
    yield from compare(case, got | {"img_mix": mixed})
    shape, grid = network.architecture, params.get("coord_training_grid", {})
    own = {
        "height": shape.window + infinitygan.TRAIN_PLACES,
        "width": shape.columns,
        "ss_spatial_size": shape.window,
    }
    for name in own.keys() & grid.keys():
        yield Check(name, own[name], grid[name])
    if "perturb_half_range" in grid:
        yield Check("half steps", shape.half_steps, grid["perturb_half_range"], atol=1e-6)
    for latents, sizes in params["layer_out_sizes"].items():
        yield Check(f"sizes {latents}", network.architecture.layer_sizes(int(latents)), sizes)
    for pixels, latents in params["in_sizes_for_output"].items():
        yield Check(f"latents {pixels}", network.architecture.latents_for(int(pixels)), latents)


def patchwise(case: Case, network: infinitygan.InfinityGANNetwork) -> Iterator[Check]:
    given, params, made = inputs(case), case.meta["params"], case.meta["constructor"]
    z = given["global_latent"][:, 0]
    styles = network.styles(z)
    target = Size(made["height"], made["width"])
    extra = made.get("test_meta_extra_pad", 3) - 1  # one of the official steps is ours too
    patches = Patches.covering(network.architecture, target, extra)
    local = given[f"{params['prefix']}/local"]
    noise = [
        given[f"{params['prefix']}/noise_{i}"] for i in range(len(network.architecture.widths))
    ]

    def render(a: int, b: int) -> torch.Tensor:
        box = patches.latents_of(a, b)
        coords = network.architecture.coordinates(patches.latents.height, box)
        cut = [crop(x, part) for x, part in zip(noise, patches.noise_of(a, b), strict=True)]
        return network(z, styles, crop(local, box), coords, cut)

    canvas = patches.pixels
    top, left = (canvas.height - target.height) // 2, (canvas.width - target.width) // 2
    window = Box(top, left, target.height, target.width)
    yield from compare(case, {"img": patches.assemble(window, render)})
    manager, sizes = params["manager"], patches.noise
    own = {
        "num_steps_h": patches.steps.height,
        "num_steps_w": patches.steps.width,
        "meta_height": canvas.height,
        "meta_width": canvas.width,
        "pixelspace_step_size": STRIDE * network.architecture.unit,
        "latentspace_step_size": STRIDE,
        "outfeat_sizes_list": network.architecture.layer_sizes(infinitygan.PATCH),
        "outfeat_step_sizes": [box.top for box in patches.noise_of(1, 0)],
        "noise_heights": [size.height for size in sizes],
        "noise_widths": [size.width for size in sizes],
    }
    for name, value in manager.items():
        yield Check(name, own[name], value)
