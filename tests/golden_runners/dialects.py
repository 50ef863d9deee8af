"""Golden cases of other projects' metrics: GLCM, crops, SelfSSIM, EQ, ScaleInv, VGG16."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from anyres_bench.core.geometry import Size
from anyres_bench.data import crop_rules
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.resize import resize
from anyres_bench.features import glcm, selfssim
from anyres_bench.features.vgg16 import RESIZES, SIDE, VGG16
from anyres_bench.metrics import equivariance, scaleinv
from anyres_bench.models.warp import plane_filter
from tests.golden import Case, Check
from tests.golden_runners.fill import fill, inputs

Results = Iterator[tuple[str, Iterable[Check]]]


def run(case: Case) -> Results:
    """The checks of one file, by the kind that it states; VGG16's states its weights alone."""
    kinds: Mapping[str, Callable[[Case], Results]] = {
        "glcm": run_glcm,
        "positions": run_positions,
        "selfssim": run_selfssim,
        "equivariance": run_equivariance,
        "scaleinv": run_scaleinv,
    }
    if "entries" in case.meta:
        return run_vgg16(case)
    return kinds[case.meta.get("kind") or case.meta["constructor"]["class"].lower()](case)


# --- GLCM ------------------------------------------------------------------------------------


def run_glcm(case: Case) -> Results:
    params, tolerance = case.meta["params"], case.meta["tolerance"]
    limits = {"atol": tolerance["atol"], "rtol": tolerance["rtol"]}
    stated = (glcm.PATCH, glcm.LEVELS, list(glcm.DISTANCES), list(glcm.ANGLES))
    keys = ("patch", "levels", "distances", "angles_deg")
    assert stated == tuple(params[key] for key in keys), "another GLCM than ours"
    images = {tag: made_by(entry["recipe"]) for tag, entry in params["images"].items()}
    for tag, entry in params["images"].items():
        yield tag, glcm_checks(case, tag, entry, images[tag], limits)
    ratio = params["ratio_case"]
    got = glcm.compression_ratio(ratio["file_sizes"], ratio["size"])
    yield "ratio", [Check("compression_ratio", got, ratio["value"], rtol=1e-12)]


def glcm_checks(
    case: Case, tag: str, entry: dict[str, Any], image: np.ndarray, limits: dict[str, float]
) -> Iterator[Check]:
    cells = glcm.cells(image, "diffusion4k")
    yield Check("grid", list(cells.shape), entry["grid"])
    means = glcm.glcm_scores(image, "diffusion4k")
    for name, want in entry["diffusion4k"].items():
        yield Check(f"diffusion4k {name}", means[name], want, **limits)
    for name, want in entry["diffusion4k_patch00"].items():
        yield Check(f"diffusion4k first patch {name}", cells[0, 0][name], want, **limits)
    yield Check("textbook entropy", means["textbook_entropy"], entry["textbook_entropy"], **limits)
    both = glcm.glcm_scores(image, "pixverve")
    for name, want in entry["pixverve"].items():
        yield Check(f"pixverve {name}", both[name], want, **limits)
    yield Check("patches", glcm.cells(image, "pixverve").size, entry["pixverve_patches"])
    entropies = np.vectorize(lambda cell: cell["entropy"], otypes=[float])(cells)
    yield Check("entropy of cells", entropies, case.arrays[f"out_entropy_{tag}"], **limits)
    for name in case.arrays:
        if name.startswith("out_matrix_") and tag == first_image(case):
            yield matrix_check(case, name, image, limits)


def first_image(case: Case) -> str:
    """The image that stored matrices are of."""
    return next(iter(case.meta["params"]["images"]))


def matrix_check(case: Case, name: str, image: np.ndarray, limits: dict[str, float]) -> Check:
    """One matrix of the first patch, named `out_matrix_d<distance>_<angle>`."""
    distance, angle = (int(part) for part in name.removeprefix("out_matrix_d").split("_"))
    rules = glcm.DIALECTS["diffusion4k"]
    patch = glcm.quantised(image, rules)[: glcm.PATCH, : glcm.PATCH]
    matrices = glcm.co_occurrence(patch, rules.symmetric)
    got = matrices[:, :, glcm.DISTANCES.index(distance), glcm.ANGLES.index(angle)]
    return Check(name, got, case.arrays[name], **limits)


def made_by(recipe: dict[str, Any]) -> np.ndarray:
    """The image of a recipe: a coarse pattern, noise, rounded to bytes."""
    h, w, cell = recipe["h"], recipe["w"], recipe["cell"]
    base = normals(f"{recipe['prefix']}/base", (-(-h // cell), -(-w // cell), 3))
    noise = normals(f"{recipe['prefix']}/noise", (h, w, 3))
    wide = base.repeat(cell, axis=0).repeat(cell, axis=1)[:h, :w]
    value = 128 + recipe["amp"] * wide + recipe["noise"] * noise
    return np.clip(np.rint(value), 0, 255).astype(np.uint8)


def normals(name: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return rng.standard_normal(shape)


# --- positions -------------------------------------------------------------------------------


def run_positions(case: Case) -> Results:
    """Rows of the rules that we ship; others inform."""
    rules: Mapping[str, Callable[[dict[str, Any]], Iterable[Check]]] = {
        "dmd2_center299": centre_rows,
        "infd_random_crop": infd_rows,
        "pixverve_fid_patch": pixverve_rows,
        "anyres_subpatch299": subpatch_rows,
        "scalespace_random": lambda entry: scalespace_rows(entry, case.meta["tolerance"]),
        "scalespace_bins": bins_rows,
        "grids": grid_rows,
        "diffusion4k_fid_preprocess": view_rows,
    }
    for name, entry in case.meta["params"].items():
        if name in rules:
            yield name, rules[name](entry)


def rows_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(entry["columns"], row, strict=True)) for row in entry["rows"]]


def centre_rows(entry: dict[str, Any]) -> Iterator[Check]:
    for row in rows_of(entry):
        box = crop_rules.centre(Size(row["height"], row["width"]))
        got = [box.left, box.top] if box else [None, None]
        want = [row["left"], row["top"]]
        yield Check(f"{row['width']}x{row['height']}", str(got), str(want))


def infd_rows(entry: dict[str, Any]) -> Iterator[Check]:
    generators: dict[int, torch.Generator] = {}
    for row in rows_of(entry):
        seed = row["torch_seed"]
        rng = generators.setdefault(seed, torch.Generator().manual_seed(seed))
        box = crop_rules.infd(Size.square(row["side"]), row["patch"], rng)
        name = f"{seed} {row['side']} {row['patch']} {row['n']}"
        yield Check(name, [box.top, box.left], [row["top"], row["left"]])


def pixverve_rows(entry: dict[str, Any]) -> Iterator[Check]:
    generators: dict[tuple[int, int], random.Random] = {}
    for row in rows_of(entry):
        key = row["python_seed"], row["size"]
        rng = generators.setdefault(key, random.Random(row["python_seed"]))
        box = crop_rules.pixverve(Size.square(row["size"]), rng)
        name = f"{key} image {row['image']} patch {row['k']}"
        yield Check(name, [box.top, box.left], [row["top"], row["left"]])


def subpatch_rows(entry: dict[str, Any]) -> Iterator[Check]:
    generators: dict[int, random.Random] = {}
    for row in rows_of(entry):
        seed = row["python_seed"]
        rng = generators.setdefault(seed, random.Random(seed))
        box = crop_rules.subpatch(Size(row["height"], row["width"]), rng)
        yield Check(f"{seed} {row['i']}", [box.left, box.top], [row["left"], row["top"]])


def scalespace_rows(entry: dict[str, Any], tolerance: dict[str, float]) -> Iterator[Check]:
    rows = rows_of(entry)
    for seed in dict.fromkeys(row["torch_seed"] for row in rows):
        own = [row for row in rows if row["torch_seed"] == seed]
        rng = torch.Generator().manual_seed(seed)
        got = crop_rules.scalespace([row["scale"] for row in own], rng)
        want = [[row[f"m{i}{j}"] for i in range(2) for j in range(3)] for row in own]
        flat = got[:, :2].reshape(len(own), 6)
        yield Check(f"seed {seed}", flat, want, atol=tolerance["scalespace_random"])


def bins_rows(entry: dict[str, Any]) -> Iterator[Check]:
    yield Check("bins", crop_rules.scalespace_bins(entry["labels"]), entry["bins"])


def grid_rows(entry: dict[str, Any]) -> Iterator[Check]:
    for side, want in entry.get("diffusion4k", {}).items():
        yield Check(f"diffusion4k {side}", list(crop_rules.diffusion4k_grid(int(side))), want)
    for side, (starts, cell) in entry.get("infinitygan_spatial", {}).items():
        got = crop_rules.spatial_cells(int(side))
        yield Check(f"spatial {side}", [*got[0], got[1]], [*starts, cell])


def view_rows(entry: dict[str, Any]) -> Iterator[Check]:
    for row in rows_of(entry):
        resized, box = crop_rules.diffusion4k_view(Size(row["height"], row["width"]), row["size"])
        got = [resized.width, resized.height, box.left, box.top]
        want = [row[name] for name in ("resized_w", "resized_h", "left", "top")]
        yield Check(f"{row['width']}x{row['height']}", got, want)


# --- SelfSSIM, equivariance, ScaleInv --------------------------------------------------------


def run_selfssim(case: Case) -> Results:
    filled = {n.rsplit("/", 2)[-2] + "/" + n.rsplit("/", 1)[-1]: t for n, t in inputs(case).items()}
    limits = {k: case.meta["tolerance"][k] for k in ("atol", "rtol")}
    for tag, entry in case.meta["params"]["pairs"].items():
        yield tag, selfssim_checks(case, tag, entry, filled, limits)


def selfssim_checks(
    case: Case,
    tag: str,
    entry: dict[str, Any],
    filled: Mapping[str, torch.Tensor],
    limits: dict[str, float],
) -> Iterator[Check]:
    k = entry["k"]
    padded = torch.nn.functional.pad(filled[f"{tag}/base"], (k // 2,) * 4, mode="replicate")
    a = torch.nn.functional.avg_pool2d(padded, k, 1) * (0.6 * k)
    size = tuple(entry["size_b"])
    b = torch.nn.functional.interpolate(a, size=size, mode="bilinear", align_corners=False)
    b = b + 0.15 * filled[f"{tag}/extra"]
    for name, first, second in (("score_b_onto_a", a, b), ("score_a_onto_b", b, a)):
        got = float(selfssim.self_ssim(first, second).mean())
        yield Check(name, got, entry[name], **limits)
    shown = to_uint8(selfssim.nearest(b, a), "floor")
    levels = selfssim.ssim_parts(to_uint8(a, "floor").double(), shown.double())
    for name, got in zip(("ssim_level0", "cs_level0"), levels, strict=True):
        yield Check(name, got, entry[name], **limits)
    want = case.arrays[f"out_u8_b_onto_a_{tag}"]
    step = -(-a.shape[2] // want.shape[1])
    stored = shown.permute(0, 2, 3, 1)[:, ::step, ::step].int()
    yield Check("bytes", stored, want.astype(int), share=0.001)


def run_equivariance(case: Case) -> Results:
    params, tolerance = case.meta["params"], case.meta["tolerance"]
    image, other = (torch.from_numpy(case.arrays[f"in_{n}"]) for n in ("img", "other"))
    for k, shift in enumerate(params["ints"]):
        yield f"int{k}", moved(case, f"int{k}", equivariance.translate(image, shift), other)
    for k, shift in enumerate(params["fracs"]):
        pair = equivariance.translate_fraction(image, shift)
        yield f"frac{k}", moved(case, f"frac{k}", pair, other)
    for k, angle in enumerate(params["rots"]):
        yield f"rot{k}", rotated(case, k, angle, image, other)
    up, support = params["rot_up"], params["rot_amax"]
    for name, want in case.arrays.items():
        if name.startswith("out_filter_rot"):
            angle = params["rots"][int(name.removeprefix("out_filter_rot"))]
            got = plane_filter(equivariance.rotation(angle), support=support, up=up)
            step = -(-got.shape[0] // want.shape[0])
            limits = {k: tolerance[k] for k in ("atol", "rtol")}
            yield name, [Check(name, got[::step, ::step], want, **limits)]


def moved(
    case: Case, name: str, pair: tuple[torch.Tensor, torch.Tensor], other: torch.Tensor
) -> Iterator[Check]:
    tolerance = case.meta["tolerance"]
    image, mask = pair
    limits = {k: tolerance[k] for k in ("atol", "rtol")}
    yield Check("image", image, case.arrays[f"out_{name}"], **limits)
    yield Check("mask", mask.int(), case.arrays[f"out_{name}_mask"].astype(int))
    got = equivariance.SquaredError.of(image, other, mask).decibels()
    yield Check("psnr", got, case.meta["params"]["psnr"][name], atol=tolerance["psnr_db"])


def rotated(
    case: Case, k: int, angle: float, image: torch.Tensor, other: torch.Tensor
) -> Iterator[Check]:
    tolerance = case.meta["tolerance"]
    limits = {key: tolerance[key] for key in ("atol", "rtol")}
    reference, mask = equivariance.rotate(image, angle)
    filtered, inner = equivariance.pseudo_rotate(other, angle)
    arrays = case.arrays
    yield Check("image", reference, arrays[f"out_rot{k}"], **limits)
    yield Check("mask", mask, arrays[f"out_rot{k}_mask"], **limits)
    yield Check("filtered", filtered, arrays[f"out_pseudo{k}"], **limits)
    yield Check("filtered mask", inner.int(), arrays[f"out_pseudo{k}_mask"].astype(int))
    got = equivariance.SquaredError.of(reference, filtered, mask * inner).decibels()
    yield Check("psnr", got, case.meta["params"]["psnr"][f"rot{k}"], atol=tolerance["psnr_db"])


def run_scaleinv(case: Case) -> Results:
    filled = {name.rsplit("/", 1)[-1]: t for name, t in inputs(case).items()}
    limits = {k: case.meta["tolerance"][k] for k in ("atol", "rtol")}
    for tag, entry in case.meta["params"]["runs"].items():
        yield tag, scaleinv_checks(case, tag, entry, filled[f"img_{tag}"], limits)
    got = scaleinv.spatial_features(filled["spatial"], stub)
    yield "spatial", [Check("clean", got, case.arrays["out_spatial_clean"], **limits)]


def scaleinv_checks(
    case: Case, tag: str, entry: dict[str, Any], images: torch.Tensor, limits: dict[str, float]
) -> Iterator[Check]:
    full, real, scale = (entry[k] for k in ("full_size", "real_data_res", "scale"))
    got = scaleinv.scale_inverse(images, full=full, real=real, scale=scale)
    yield Check("side", list(got.shape[2:]), entry["after_resize"])
    want = case.arrays[f"out_{tag}"]
    step = -(-got.shape[2] // want.shape[2])
    yield Check("image", got[:, :, ::step, ::step], want, **limits)


def stub(cells: torch.Tensor) -> torch.Tensor:
    """Means of the channels, and the mean of their standard deviations."""
    flat = cells.flatten(2)
    return torch.cat([flat.mean(2), flat.std(2).mean(1, keepdim=True)], dim=1)


# --- VGG16 -----------------------------------------------------------------------------------


def run_vgg16(case: Case) -> Results:
    network = VGG16(fill(case, case.meta["entries"]))
    pixels = torch.from_numpy(case.arrays["images_uint8_NHWC"]).permute(0, 3, 1, 2).contiguous()
    with torch.inference_mode():
        taps = network.features(resize(pixels, Size.square(SIDE), RESIZES[0]))
    yield (
        "",
        [
            Check(name, taps[name], want, atol=1e-4 * float(np.abs(want).max()), rtol=1e-4)
            for name, want in case.arrays.items()
            if name in taps
        ],
    )
