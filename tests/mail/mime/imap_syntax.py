# SPDX-License-Identifier: MIT
"""Reads nested IMAP lists as strictly as a client might: to see that what is rendered can be read back."""

import re

_TOKEN = re.compile(rb'(\()|(\))|"((?:[^"\\\x00\r\n\x80-\xff]|\\["\\])*)"|\{(\d+)\}\r\n|(NIL)|(\d+)')


def read(octets):
    """Lists as lists, strings as bytes, NIL as None, numbers as int. AssertionError where it is not valid."""
    stack = [[]]
    position = 0
    after_string = False
    while position < len(octets):
        if octets[position : position + 1] == b" ":
            assert stack[-1], octets
            position += 1
            after_string = False
        token = _TOKEN.match(octets, position)
        assert token, octets[max(0, position - 30) : position + 30]
        position = token.end()
        opened, closed, quoted, literal, nil, number = token.groups()
        # Only lists follow each other without a space between them.
        assert closed or not after_string, octets
        after_string = not opened and not closed
        if opened:
            stack.append([])
        elif closed:
            listed = stack.pop()
            stack[-1].append(listed)
        elif quoted is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted))
        elif literal:
            value = octets[position : position + int(literal)]
            assert len(value) == int(literal)
            assert b"\0" not in value
            position += int(literal)
            stack[-1].append(value)
        else:
            stack[-1].append(None if nil else int(number))
    assert len(stack) == 1
    assert len(stack[0]) == 1
    return stack[0][0]


def depth(value):
    """How deep lists are nested."""
    deepest, level = 0, [value]
    while level := [item for listed in level if isinstance(listed, list) for item in listed]:
        deepest += 1
    return deepest
