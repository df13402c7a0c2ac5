# SPDX-License-Identifier: MIT
"""Octets of mail to text, never failing. Charsets come from a list: Python's codecs hold more than text encodings."""

from __future__ import annotations

_CODECS = {
    "utf-8": "utf-8",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",  # What is labelled Latin-1 was mostly written on Windows.
    **{f"iso-8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    **{f"windows-{n}": f"cp{n}" for n in range(1250, 1259)},
    "windows-874": "cp874",
    "tis-620": "cp874",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "macintosh": "mac-roman",
    "ibm437": "cp437",
    "ibm850": "cp850",
    "ibm852": "cp852",
    "ibm866": "cp866",
    "shift_jis": "cp932",
    "windows-31j": "cp932",
    "euc-jp": "euc-jp",
    "iso-2022-jp": "iso2022_jp_2",
    "iso-2022-kr": "iso2022_kr",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "hz-gb-2312": "hz",
    "big5": "cp950",
    "big5-hkscs": "big5hkscs",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-32": "utf-32",
}
_ALIASES = {
    "utf8": "utf-8",
    "ascii": "us-ascii",
    "ansi_x3.4-1968": "us-ascii",
    "latin1": "iso-8859-1",
    "iso8859-1": "iso-8859-1",
    "iso-8859-1-windows-3.1-latin-1": "iso-8859-1",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "sjis": "shift_jis",
    "x-sjis": "shift_jis",
    "shift-jis": "shift_jis",
    "eucjp": "euc-jp",
    "euckr": "euc-kr",
    "cp932": "shift_jis",
    "cp936": "gbk",
    "x-gbk": "gbk",
    "cn-big5": "big5",
    "koi8r": "koi8-r",
    "macroman": "macintosh",
    "x-mac-roman": "macintosh",
    **{f"cp{n}": f"windows-{n}" for n in range(1250, 1259)},
    **{f"iso8859-{n}": f"iso-8859-{n}" for n in range(2, 17)},
    **{f"iso_8859-{n}": f"iso-8859-{n}" for n in range(1, 17)},
}


def codec(charset: str) -> str | None:
    """Python's name of a charset, or None if it is not on the list."""
    name = charset.lower()
    return _CODECS.get(_ALIASES.get(name, name))


def decode(octets: bytes, charset: str = "") -> str:
    """The text, with no NUL and no surrogate in it. What cannot be decoded becomes U+FFFD."""
    name = codec(charset) if charset else None
    if octets.isascii() and (name is None or name not in _NOT_ASCII):
        text = octets.decode("ascii")
    else:
        text = _decode(octets, name)
    return text.replace("\0", "") if "\0" in text else text


# In these, octets below 128 do not always mean ASCII.
_NOT_ASCII = {"utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso2022_jp_2", "iso2022_kr", "hz"}


def _decode(octets: bytes, name: str | None) -> str:
    try:
        # Whatever the label says: text that is valid UTF-8 by accident hardly exists.
        if name is None or name == "cp1252":
            return octets.decode("utf-8")
    except UnicodeDecodeError:
        pass
    text = octets.decode(name or "cp1252", "replace")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text
