"""Say clearly that this Python will not do, before anything is installed with it; runs on any Python 3."""

import sys

FIRST, LAST = (3, 11), (3, 13)
# Formatted as every Python 3 can: those that are too old have to get as far as the message.
TOO_OLD = "Surefoot needs Python 3.{} to 3.{}; {} is {}.\nName another one: make setup PYTHON=python3.12"
NO_VENV = "{} cannot make a virtual environment.\nOn Debian and Ubuntu: apt-get install python3-venv"

if not FIRST <= sys.version_info[:2] <= LAST:
    sys.exit(TOO_OLD.format(FIRST[1], LAST[1], sys.executable, ".".join(map(str, sys.version_info[:3]))))
try:
    import ensurepip  # noqa: F401
except ImportError:
    sys.exit(NO_VENV.format(sys.executable))
