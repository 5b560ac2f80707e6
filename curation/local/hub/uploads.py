"""Decides, as the Hub does, which files git keeps itself and for which it keeps only a pointer (LFS, Xet)."""

from __future__ import annotations

import codecs
from typing import Any

from curation.local.hub.history import File, pointer

LARGE_BYTES = 10 * 2**20
_LARGE_SUFFIXES = (
    *("7z", "arrow", "bin", "bz2", "ftz", "gz", "h5", "joblib", "lz4", "mds", "mlmodel", "model", "msgpack", "npy"),
    *("npz", "onnx", "ot", "parquet", "pb", "pickle", "pkl", "pt", "pth", "rar", "safetensors", "tar", "tflite", "tgz"),
    *("wasm", "xz", "zip", "zst", "flac", "mp3", "ogg", "wav", "bmp", "gif", "png", "tiff", "jpg", "jpeg", "webp"),
    *("mp4", "webm"),
)
GIT_ATTRIBUTES = "".join(f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in _LARGE_SUFFIXES).encode()


def is_large(path: str, size: int, sample: bytes) -> bool:
    """Whether a new file goes to LFS: by its suffix, its size, or because its beginning is not text."""
    if size == 0:
        return False
    return path.lower().endswith(tuple(f".{suffix}" for suffix in _LARGE_SUFFIXES)) or (
        size > LARGE_BYTES or not _is_text(sample)
    )


def large_file_info(file: File) -> dict[str, Any]:
    """Return the `lfs` part of a file's description."""
    return {"oid": file.sha256, "size": file.size, "pointerSize": len(pointer(file.sha256, file.size))}


def _is_text(sample: bytes) -> bool:
    try:
        # The sample may end in the middle of a character, which `final=False` allows.
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=False)
    except UnicodeDecodeError:
        return False
    return b"\0" not in sample
