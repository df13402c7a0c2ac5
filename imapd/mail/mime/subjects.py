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
    return extracted(subject)[0]


def extracted(subject: str) -> tuple[str, bool]:
    """The base subject, and whether the marks say that it is a reply or a forward."""
    text = " ".join(subject.split())
    start, end = 0, len(text)
    is_reply = False
    while True:
        before = end
        end = _without_trailers(text, start, end)
        is_reply |= end < before  # one space at most is left between words, and none at the end
        start, refwd = _without_leaders(text, start, end)
        is_reply |= refwd
        # Step 6: "[fwd: x]" is x, and x is looked at again.
        if text.startswith("[fwd:", start, end) and text.endswith("]", start, end):
            start, end = start + 5, end - 1
            is_reply = True
            while start < end and text[start] == " ":
                start += 1
            continue
        return text[start:end], is_reply


def _without_trailers(text: str, start: int, end: int) -> int:
    """Step 2: subj-trailer = "(fwd)" / WSP"""
    while True:
        if text.endswith("(fwd)", start, end):
            end -= 5
        elif text.endswith(" ", start, end):
            end -= 1
        else:
            return end


def _without_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Steps 3 to 5: subj-leader = (*subj-blob subj-refwd) / WSP, and blobs as long as something is left. With it,
    whether there was a subj-refwd."""
    found = False
    while True:
        while start < end and text[start] == " ":
            start += 1
        blobs = _BLOBS.match(text, start, end)
        after = blobs.end() if blobs else start
        refwd = _REFWD.match(text, after, end)
        if refwd:
            start, found = refwd.end(), True
        elif blobs and after < end:
            return after, found
        elif blobs:
            # Nothing but blobs: the last one is the subject.
            return text.rindex("[", start, end), found
        else:
            return start, found
