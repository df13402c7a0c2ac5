# SPDX-License-Identifier: MIT
"""What other servers were told by their users that it went wrong, each as a test of this one."""
