# SPDX-License-Identifier: MIT
"""The bounds of the parser, so that no message costs more than its size warrants; and the version of what it stores."""

PARSER_VERSION = 1
"""Goes up whenever a parsed column changes its meaning, so that stored rows can be found and parsed again."""

DEPTH = 100
PARTS = 10_000
BOUNDARY_OCTETS = 8_192

DASHED_LINES = 1_000
"""Lines that begin with two dashes and are no delimiters, until they are dealt with differently."""

HEADER_OCTETS = 10 << 20
"""How much of one header block is looked at. header_size is exact all the same."""

CACHED_HEADER_OCTETS = 256 << 10
FIELDS = 10_000
FIELD_OCTETS = 64 << 10
"""How much of one field is looked at."""

STRUCTURE_OCTETS = 1 << 20
"""From here on BODYSTRUCTURE names the remaining parts by type and size alone."""

PARAMETERS = 128
ADDRESSES = 1_000
REFERENCES = 500
MESSAGE_ID_OCTETS = 998
TEXT_CHARACTERS = 4 << 20
FIELD_CHARACTERS = 64 << 10
KEY_CHARACTERS = 1_000
"""Sort keys and display names: longer ones differ from each other only where nobody looks."""

PREVIEW_CHARACTERS = 200
