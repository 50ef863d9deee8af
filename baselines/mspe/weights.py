"""Published weights of MS-PE."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile


def _mspe(config: str, digits: str, filename: str = "") -> WeightFile:
    folder = "https://download.openmmlab.com/mmgen/pe_in_gans"
    return WeightFile(
        name=f"mspe-{config}",
        filename=filename or f"mspie-stylegan2_config-{config}-{digits}.pth",
        url=f"{folder}/{filename}" if filename else None,
        sha256=None,
        n_bytes=None,
        licence="Apache-2.0",
        note=f"linked from mmgeneration's configs/positional_encoding_in_gans; the official name "
        f"ends in {digits}, by its habit the first digits of the sha256",
    )


WEIGHTS = (
    _mspe("a", "71d9634b"),
    _mspe("b", "e85e5cf4"),
    _mspe("c", "9f43b07d"),
    _mspe("d", "dbefacf6"),
    _mspe("e", "98d5a42a"),
    _mspe(
        "f",
        "4f4d5391",
        "mspie-stylegan2_c2_config-f_ffhq_256-512_b3x8_1100k_20210406_144927-4f4d5391.pth",
    ),
    _mspe("f-896", "6c18ad5d"),
    _mspe("f-1024", "81cbdc96"),
    _mspe("g", "2df61752"),
    _mspe("h", "84cf3f48"),
    _mspe("i", "c2b0accf"),
    _mspe("j", "c407481b"),
    _mspe("k", "6d8cc39f"),
)
