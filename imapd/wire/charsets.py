# SPDX-License-Identifier: MIT
"""The charsets that a SEARCH may name. A list, because Python's codecs hold more than text encodings."""

from __future__ import annotations

from imapd.wire.errors import BadSyntax, UnknownCharset

SUPPORTED: dict[bytes, str] = {
    b"US-ASCII": "ascii",
    b"UTF-8": "utf-8",
    b"ISO-8859-1": "latin-1",
    **{b"ISO-8859-%d" % n: f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    **{b"WINDOWS-%d" % n: f"cp{n}" for n in range(1250, 1259)},
    b"KOI8-R": "koi8-r",
    b"KOI8-U": "koi8-u",
    b"SHIFT_JIS": "shift_jis",
    b"EUC-JP": "euc-jp",
    b"ISO-2022-JP": "iso2022_jp",
    b"EUC-KR": "euc-kr",
    b"GB2312": "gb2312",
    b"GBK": "gbk",
    b"GB18030": "gb18030",
    b"BIG5": "big5",
}
_ALIASES = {b"ASCII": b"US-ASCII", b"UTF8": b"UTF-8", b"LATIN1": b"ISO-8859-1"}


def codec(charset: bytes) -> str:
    """Python's name of a charset. UnknownCharset if it is not on the list."""
    name = charset.upper()
    try:
        return SUPPORTED[_ALIASES.get(name, name)]
    except KeyError:
        raise UnknownCharset from None


def decode(octets: bytes, charset: bytes = b"UTF-8") -> str:
    """The text of a search argument. BadSyntax if the octets are not of that charset, or hold NUL."""
    try:
        text = octets.decode(codec(charset))
    except UnicodeDecodeError:
        raise BadSyntax("The text is not of the charset named.") from None
    if "\0" in text:
        raise BadSyntax("NUL in a text.")
    return text
