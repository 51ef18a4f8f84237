"""What the tests use of `scripts/python/fedcrld.py`, which is no package: it is imported from where it is."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "scripts" / "python"
sys.path.insert(0, str(FOLDER))

from fedcrld import Network, Run, UNet, cohorts, parameters, volumes  # noqa: E402, F401
