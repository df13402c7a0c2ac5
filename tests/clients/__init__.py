# SPDX-License-Identifier: MIT
"""Real mail programs against a demo server. `make clients` runs them; which of them are missing it says."""
