"""What tests about queue processes share."""

from pathlib import Path

ROOT = Path(__file__).parents[3]
