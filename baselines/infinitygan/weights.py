"""Published weights of InfinityGAN."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile

_DRIVE = "https://drive.google.com/drive/folders"
_LATER = f"{_DRIVE}/1NcHMlcvHsmG7Ehy-X99Fq13tGREV2q2P"
_GONE = (
    "best_fid.pth.tar of the README's folder, which is gone with its account "
    "(github.com/hubert0527/infinityGAN/issues/18)"
)


def _infinitygan(name: str, folder: str, later: bool = True) -> WeightFile:
    if later:
        note = f"{_GONE}; the second address is the author's later folder, which may hold others"
    else:
        note = f"{_GONE}; two others of this kind, of other data, are in misc/ of {_LATER}"
    return WeightFile(
        name=name,
        filename=f"{name}-best_fid.pth.tar",
        url=None,
        sha256=None,
        n_bytes=None,
        licence="CC BY-NC-SA 4.0 and NVIDIA Source Code License",
        non_commercial=True,
        pages=(f"{_DRIVE}/{folder}", *((_LATER,) if later else ())),
        gone=True,
        note=note,
    )


WEIGHTS = (
    _infinitygan("infinitygan", "1RPWgCeO_yAeQCdDbH_owYIGWOt0SHL6M"),
    _infinitygan("infinitygan-hr", "1VR6J-G9fDDPu-hP13tTcES6VN6ZKbv35", later=False),
    _infinitygan("infinitygan-ur", "1f39Qvc6x6umW9HJ2a-SZg02465gEkwYr", later=False),
    _infinitygan("infinitygan-iof", "1F43zYnLSlqaWIcv6s_Ru0yH7EacVICMl"),
    _infinitygan("infinitygan-iop", "11JFpgVCMhV7RN8BqqXs8KNBtE2UX0YBi"),
)
