# SPDX-License-Identifier: MIT
"""text/html to the text in it, for SEARCH and previews: no tree, no styles, linear whatever comes."""

from __future__ import annotations

import re
from html import unescape

_SKIPPED = re.compile(r"<(?:(script|style|head|title)\b|!--)", re.IGNORECASE)
_INLINE = re.compile(
    r"</?(?:a|abbr|b|big|code|em|font|i|ins|mark|s|small|span|strong|sub|sup|tt|u|wbr)(?:\s[^<>]*)?>", re.IGNORECASE
)
_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>?")
_SPACE = re.compile(r"[ \t\r\f\xa0]*\n\s*|[ \t\r\f\xa0]{2,}|\xa0")


def text_of(markup: str) -> str:
    """The text, with a line end where a block began or ended. Tags inside a line vanish without a trace."""
    if "<" in markup:
        markup = _without_skipped(markup)
        markup = _TAG.sub("\n", _INLINE.sub("", markup))
    if "&" in markup:
        markup = unescape(markup)
    return _SPACE.sub(_one, markup).strip()


def _one(space: re.Match[str]) -> str:
    return "\n" if "\n" in space[0] else " "


def _without_skipped(markup: str) -> str:
    """Without comments, scripts and styles. One that is never closed takes all that follows, as in a browser."""
    pieces: list[str] = []
    end = 0
    lowered = ""
    while True:
        begin = _SKIPPED.search(markup, end)
        if not begin:
            pieces.append(markup[end:])
            return "".join(pieces)
        pieces.append(markup[end : begin.start()])
        name = begin[1]
        if name:
            # Lower case may have other lengths than the original outside of ASCII; inside it never does.
            lowered = lowered or _lower(markup)
            close = lowered.find("</" + name.lower(), begin.end())
            end = lowered.find(">", close) + 1 if close >= 0 else 0
        else:
            close = markup.find("-->", begin.end())
            end = close + 3 if close >= 0 else 0
        if not end:
            return "".join(pieces)


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _lower(markup: str) -> str:
    return markup.lower() if markup.isascii() else markup.translate(_ASCII_LOWER)
