# SPDX-License-Identifier: MIT
"""The base subject of RFC 5256 section 2.1, in time linear in the subject whatever it is made of."""

from __future__ import annotations

import re

# subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
_REFWD = re.compile(r"(?:re|fwd?) *(?:\[[^][]*\] *)?:")
# subj-blob = "[" *BLOBCHAR "]" *WSP, as many as there are
_BLOBS = re.compile(r"(?:\[[^][]*\] *)+")


def base_subject(subject: str) -> str:
    """The subject without the marks of replies, forwards and lists. The argument is decoded and case-folded."""
    text = " ".join(subject.split())
    start, end = 0, len(text)
    while True:
        end = _without_trailers(text, start, end)
        start = _without_leaders(text, start, end)
        # Step 6: "[fwd: x]" is x, and x is looked at again.
        if text.startswith("[fwd:", start, end) and text.endswith("]", start, end):
            start, end = start + 5, end - 1
            while start < end and text[start] == " ":
                start += 1
            continue
        return text[start:end]


def _without_trailers(text: str, start: int, end: int) -> int:
    """Step 2: subj-trailer = "(fwd)" / WSP"""
    while True:
        if text.endswith("(fwd)", start, end):
            end -= 5
        elif text.endswith(" ", start, end):
            end -= 1
        else:
            return end


def _without_leaders(text: str, start: int, end: int) -> int:
    """Steps 3 to 5: subj-leader = (*subj-blob subj-refwd) / WSP, and blobs as long as something is left."""
    while True:
        while start < end and text[start] == " ":
            start += 1
        blobs = _BLOBS.match(text, start, end)
        after = blobs.end() if blobs else start
        refwd = _REFWD.match(text, after, end)
        if refwd:
            start = refwd.end()
        elif blobs and after < end:
            return after
        elif blobs:
            # Nothing but blobs: the last one is the subject.
            return text.rindex("[", start, end)
        else:
            return start
