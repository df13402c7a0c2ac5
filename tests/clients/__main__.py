# SPDX-License-Identifier: MIT
"""`make clients`: says what is missing, then runs the tests of this directory. As root, `--install` installs it by apt."""

import shutil
import subprocess
import sys
from pathlib import Path

# Program: Debian package.
PROGRAMS = {
    "mbsync": "isync",
    "neomutt": "neomutt",
    "offlineimap": "offlineimap3",
    "getmail": "getmail6",
    "curl": "curl",
    "imapfilter": "imapfilter",
}


def main() -> int:
    arguments = sys.argv[1:]
    packages = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if packages and "--install" in arguments:
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *packages], check=True)
    elif packages:
        print(f"make clients needs: apt install {' '.join(packages)}   (as root: make clients ARGS=--install)")
        return 1
    arguments = [argument for argument in arguments if argument != "--install"]
    return subprocess.run([sys.executable, "-m", "pytest", str(Path(__file__).parent), *arguments]).returncode


if __name__ == "__main__":
    raise SystemExit(main())
