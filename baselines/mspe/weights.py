"""Published weights of MS-PE."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile

_OPENMMLAB = "https://download.openmmlab.com"


def _mspe(config: str, filename: str) -> WeightFile:
    return WeightFile(
        name=f"mspe-{config}",
        filename=filename,
        url=f"{_OPENMMLAB}/mmgen/pe_in_gans/{filename}",
        sha256=filename.removesuffix(".pth")[-8:],  # so its publisher names files
        n_bytes=None,
        licence="Apache-2.0",
        known_from="publisher",
        pages=(f"{_OPENMMLAB}/mmediting/pe_in_gans/{filename}",),
    )


WEIGHTS = (
    _mspe("a", "stylegan2_c2_config-a_ffhq_256x256_b3x8_1100k_20210406_145127-71d9634b.pth"),
    _mspe("b", "stylegan2_c2_config-b_ffhq_512x512_b3x8_1100k_20210406_145142-e85e5cf4.pth"),
    _mspe("c", "mspie-stylegan2_c2_config-c_ffhq_256-512_b3x8_1100k_20210406_144824-9f43b07d.pth"),
    _mspe("d", "mspie-stylegan2_c2_config-d_ffhq_256-512_b3x8_1100k_20210406_144840-dbefacf6.pth"),
    _mspe("e", "mspie-stylegan2_c2_config-e_ffhq_256-512_b3x8_1100k_20210406_144906-98d5a42a.pth"),
    _mspe("f", "mspie-stylegan2_c2_config-f_ffhq_256-512_b3x8_1100k_20210406_144927-4f4d5391.pth"),
    _mspe(
        "f-896", "mspie-stylegan2_c2_config-f_ffhq_256-896_b3x8_1100k_20210406_144943-6c18ad5d.pth"
    ),
    _mspe(
        "f-1024",
        "mspie-stylegan2_c1_config-f_ffhq_256-1024_b2x8_1600k_20210406_144716-81cbdc96.pth",
    ),
    _mspe("g", "mspie-stylegan2_c1_config-g_ffhq_256-512_b3x8_1100k_20210406_144758-2df61752.pth"),
    _mspe("h", "mspie-stylegan2_c2_config-h_ffhq_256-512_b3x8_1100k_20210406_145006-84cf3f48.pth"),
    _mspe("i", "mspie-stylegan2_c2_config-i_ffhq_256-512_b3x8_1100k_20210406_145023-c2b0accf.pth"),
    _mspe("j", "mspie-stylegan2_c2_config-j_ffhq_256-512_b3x8_1100k_20210406_145044-c407481b.pth"),
    _mspe("k", "mspie-stylegan2_c2_config-k_ffhq_256-512_b3x8_1100k_20210406_145105-6d8cc39f.pth"),
)
