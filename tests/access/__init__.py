# SPDX-License-Identifier: MIT
"""Who may do what, over the wire: the rights of RFC 4314, and that nobody learns of what is not for them."""
