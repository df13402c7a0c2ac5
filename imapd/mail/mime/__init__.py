# SPDX-License-Identifier: MIT
"""What is in a message: parsed once, when it arrives, into the columns of table `contents`.

Iterative, linear and bounded, because anybody may write to anybody. parse() is what others call; parts.py also finds
the octets of BODY[1.2] in what parse() has stored. Nothing here opens, stores or sends anything.
"""
