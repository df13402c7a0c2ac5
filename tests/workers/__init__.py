# SPDX-License-Identifier: MIT
"""Master and workers as real processes; what they serve is an echo, so that only their own life is looked at."""
