"""Renders Markdown with cmark-gfm, and gives the memory back.

cmarkgfm frees the parser alone: the tree of each text and its HTML stay in memory, about ten times the size of the text
(measured with version 2025.10.22). A push of 100,000 records would keep a gigabyte of them. The library in C has the
functions that free both; cmarkgfm does not name them, so they are called by ctypes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any


class _Allocator(ctypes.Structure):
    """`cmark_mem`: the functions by which the library takes memory and gives it back."""

    _fields_ = (("calloc", ctypes.c_void_p), ("realloc", ctypes.c_void_p), ("free", ctypes.c_void_p))


def html_of_markdown(text: str, *, options: int, extensions: Sequence[str]) -> str:
    """Return Markdown as HTML, as `cmarkgfm.markdown_to_html_with_extensions` does."""
    from cmarkgfm import _cmark, cmark

    cmark.core_extensions_ensure_registered()
    with _parser(options) as parser:
        for name in extensions:
            cmark.parser_attach_syntax_extension(parser, cmark.find_syntax_extension(name))
        cmark.parser_feed(parser, text)
        root = cmark.parser_finish(parser)
        html = _cmark.lib.cmark_render_html(root, options, cmark.parser_get_syntax_extensions(parser))
        try:
            return str(_cmark.ffi.string(html).decode("utf-8"))
        finally:
            free_tree, free_text = _freeing()
            free_tree(int(_cmark.ffi.cast("uintptr_t", root)))
            free_text(int(_cmark.ffi.cast("uintptr_t", html)))


@contextmanager
def _parser(options: int) -> Iterator[Any]:
    from cmarkgfm import cmark

    parser = cmark.parser_new(options)
    try:
        yield parser
    finally:
        cmark.parser_free(parser)


@cache
def _freeing() -> tuple[Callable[[int], None], Callable[[int], None]]:
    """Return the functions that free a tree and a text, by their addresses.

    They do nothing where the library was built without showing its functions: then its memory grows as cmarkgfm's does.
    """
    from cmarkgfm import _cmark

    library = ctypes.CDLL(_cmark.__file__)
    try:
        free_tree, allocator = library.cmark_node_free, library.cmark_get_default_mem_allocator
    except AttributeError:
        return _kept, _kept
    free_tree.argtypes, free_tree.restype = (ctypes.c_void_p,), None
    allocator.argtypes, allocator.restype = (), ctypes.POINTER(_Allocator)
    free_text = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(allocator().contents.free)
    return free_tree, free_text


def _kept(address: int) -> None:
    """Leave what is at the address where it is."""
