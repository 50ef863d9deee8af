"""What a file is that should hold tensors and does not, in words that help.

People meet pages that a browser saved in place of a file, pointers of Git LFS, archives that were
never unpacked and weights of other programs. The first bytes tell.
"""

from __future__ import annotations

import re

_KINDS = (
    (
        rb"version https://git-lfs\.github\.com/spec/",
        "a Git LFS pointer, which stands for the file and is not it: run `git lfs pull`, or "
        "download the file itself",
    ),
    (
        rb"\s*(<!doctype html|<html|<head|<body|<!--)",
        "a web page, not the file: a host that asks for a login or a confirmation sends one in its "
        "place; open the address in a browser and save the file itself",
    ),
    (rb"\s*<(\?xml|error|svg)", "an XML document, such as a host's error message"),
    (
        rb'\s*\{.*"weight_map"',
        "an index of weights that lie in several files beside it, which are not put together here: "
        "load them all and save one, safetensors.torch.save_file(tensors, NAME.safetensors)",
    ),
    (rb"\s*[\[{]\s*[\"\]}]", "JSON, such as a host's error message or an index of other files"),
    (rb"\x1f\x8b", "compressed with gzip; unpack it first (gunzip, or tar -xzf)"),
    (rb"\xfd7zXZ\x00", "compressed with xz; unpack it first (unxz)"),
    (rb"\x28\xb5\x2f\xfd", "compressed with zstandard; unpack it first (unzstd)"),
    (rb"BZh[1-9]", "compressed with bzip2; unpack it first (bunzip2)"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (rb"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (rb".{257}ustar", "a tar archive; unpack it first (tar -xf)"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras and MATLAB write; only torch's are read"),
    (rb"GGUF", "a GGUF file of a language model"),
    (rb"\x93NUMPY", "one numpy array (.npy); tensors by name are needed"),
    (rb"\x89PNG\r\n|\xff\xd8\xff|GIF8|RIFF....WEBP|II\*\x00|MM\x00\*", "a picture"),
    (rb"%PDF-", "a PDF document"),
    (
        rb"7767517\n",
        "the layers of an ncnn network (.param); its numbers lie beside it: convert FILE.param OUT",
    ),
    (rb"\x08[\x01-\x0f]\x12.(pytorch|tf2onnx|keras2onnx|onnx)", "an ONNX network"),
    (rb"\x7fELF|MZ", "a program"),
    (rb"#!", "a script"),
)
_PATTERNS = [(re.compile(pattern, re.DOTALL | re.IGNORECASE), words) for pattern, words in _KINDS]
HEAD_BYTES = 512


def describe(head: bytes) -> str:
    """What the first `HEAD_BYTES` bytes of a file are, in words.

    >>> describe(b"version https://git-lfs.github.com/spec/v1")[:17]
    'a Git LFS pointer'
    """
    for pattern, words in _PATTERNS:
        if pattern.match(head):
            return words
    if not head.strip(b"\x00"):
        return "nothing but zeros, as an unfinished download leaves them; get it again"
    text = head.decode("utf-8", "ignore")
    if text.isascii() and all(c.isprintable() or c.isspace() for c in text):
        return f"text; it begins {text[:40]!a}"
    return f"of no kind that is known here; it begins {head[:12]!a}"
