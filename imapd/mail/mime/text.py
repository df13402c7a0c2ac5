# SPDX-License-Identifier: MIT
"""What SEARCH looks through, and the preview: decoded texts of the header, of the body and of all inside it."""

from __future__ import annotations

from binascii import a2b_qp

from imapd.mail.folding import fold
from imapd.mail.mime import headers, html, limits, parameters
from imapd.mail.mime.charsets import decode
from imapd.mail.mime.structure import LEAF, Octets, Part
from imapd.mail.mime.words import base64, text_of


def header_text(fields: headers.Fields) -> str:
    """'\\nname: value\\nname: value\\n', decoded and case-folded."""
    if not fields:
        return "\n"
    block = b"\n".join([b"%b: %b" % field for field in fields])[: limits.CACHED_HEADER_OCTETS]
    if b"=?" in block or not block.isascii():
        # A decoded word may hold line ends, which would look like further fields.
        lines = [name.decode("ascii", "replace") + ": " + _one_line(text_of(value)) for name, value in _bounded(fields)]
        return "\n" + fold(clean("\n".join(lines)), limits.CACHED_HEADER_OCTETS) + "\n"
    return "\n" + clean(block.decode("ascii")).lower() + "\n"


def _bounded(fields: headers.Fields) -> headers.Fields:
    size = 0
    for count, (name, value) in enumerate(fields):
        size += len(name) + len(value)
        if size > limits.CACHED_HEADER_OCTETS:
            return fields[:count]
    return fields


def _one_line(text: str) -> str:
    return " ".join(text.splitlines()) if "\n" in text or "\r" in text else text


def clean(text: str) -> str:
    """Without NUL, which no text column takes."""
    return text.replace("\0", "") if "\0" in text else text


class BodyText:
    """The searchable text of a body, gathered part by part up to a limit, and the preview."""

    def __init__(self, octets: Octets, parts: list[Part]):
        self.octets = octets
        self.room = limits.TEXT_CHARACTERS
        self.plain = self.html = ""  # the first of each that is not an attachment
        self.pieces: list[str] = []
        for part in parts:
            if self.room <= 0:
                break
            self._read(part)

    def searchable(self) -> str:
        """All of it, case-folded."""
        return fold("\n".join(self.pieces), limits.TEXT_CHARACTERS)

    def preview(self) -> str:
        """RFC 8970: the beginning of the text, without what it quotes."""
        for text in (self.plain, self.html):
            text = text[: limits.PREVIEW_CHARACTERS * 20]
            lines = [line for line in text.splitlines() if not line.startswith(">")] if ">" in text else [text]
            words = " ".join(" ".join(lines).split()) or " ".join(text.split())
            if words:
                return words[: limits.PREVIEW_CHARACTERS]
        return ""

    def _add(self, text: str) -> None:
        if text:
            self.pieces.append(text[: self.room])
            self.room -= len(text)

    def _read(self, part: Part) -> None:
        if part.parent:
            self._add(header_text(part.fields)[1:-1])
            self._add_file_name(part)
        if part.kind != LEAF or part.type != b"text":
            return
        text = self._decoded(part)
        attached = part.first.get(b"content-disposition", b"")[:10].lower() == b"attachment"
        if part.subtype == b"html":
            text = html.text_of(text)
            if not attached:
                self.html = self.html or text
        elif not attached:
            self.plain = self.plain or text
        self._add(text)

    def _add_file_name(self, part: Part) -> None:
        """A name that RFC 2231 hides is not in the text of the header."""
        disposition = part.first.get(b"content-disposition", b"")
        if b"*" in disposition:
            self._add(clean(parameters.decoded(parameters.split(disposition)[2], b"filename")))
        elif any(name.startswith(b"name*") for name, _ in part.parameters):
            self._add(clean(parameters.decoded(part.parameters, b"name")))

    def _decoded(self, part: Part) -> str:
        # Encodings make text longer, never shorter, but for UTF-7, which is not on the list of charsets.
        octets = self.octets[part.body_start : min(part.end, part.body_start + 2 * self.room)]
        encoding = parameters.transfer_encoding(part.first)
        if encoding == b"base64":
            octets = base64(octets)
        elif encoding == b"quoted-printable":
            octets = a2b_qp(octets)
        charset = parameters.value_of(part.parameters, b"charset").decode("ascii", "replace")
        text = decode(octets, charset)
        return text.replace("\r\n", "\n") if "\r" in text else text
