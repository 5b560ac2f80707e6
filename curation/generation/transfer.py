"""Reads and unpacks the bytes of a reply up to a limit, so that no service can fill the memory."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from curation.generation.refusals import RequestFailed

if TYPE_CHECKING:
    import aiohttp

MOST_BYTES = 8 << 20
"""A larger reply, packed or unpacked, is refused. No model writes so much text at once."""

PACKED = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
GZIP_MAGIC = b"\x1f\x8b"


async def read_body(answer: aiohttp.ClientResponse) -> bytes:
    """Return the unpacked body of a response. Raises RequestFailed if it is too large or cannot be unpacked."""
    chunks, size = [], 0
    while chunk := await answer.content.readany():
        size += len(chunk)
        if size > MOST_BYTES:
            answer.close()
            raise _too_large()
        chunks.append(chunk)
    content = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if not encoding and content.startswith(GZIP_MAGIC):
        encoding = "gzip"
    return unpack(content, encoding) if encoding not in {"", "identity"} else content


def unpack(content: bytes, encoding: str) -> bytes:
    """Return `content` unpacked. Raises RequestFailed if it is too large or cannot be unpacked."""
    window = PACKED.get(encoding)
    if window is None:
        raise RequestFailed("reply_in_unknown_encoding", retry=True, paid=True, detail=f"Content-Encoding: {encoding}")
    # Some servers send deflate without zlib's header, and some send a plain body with the header of a packed one.
    for bits in (window, -zlib.MAX_WBITS) if encoding == "deflate" else (window,):
        unpacking = zlib.decompressobj(bits)
        try:
            unpacked = unpacking.decompress(content, MOST_BYTES + 1)
        except zlib.error:
            continue
        if len(unpacked) > MOST_BYTES:
            raise _too_large()
        if not unpacking.eof:
            raise RequestFailed("reply_is_cut", retry=True, paid=True, detail="The packed reply ends too early")
        return unpacked
    if content.lstrip().startswith(b"{"):
        return content
    raise RequestFailed("reply_cannot_be_unpacked", retry=True, paid=True, detail=f"Content-Encoding: {encoding}")


def _too_large() -> RequestFailed:
    detail = f"The reply is larger than {MOST_BYTES >> 20} MB unpacked"
    return RequestFailed("reply_too_large", retry=False, paid=True, detail=detail)
