"""Tests that take long run in ``make stress``, which sets GILFREE_STRESS."""

import os

import pytest

__all__ = ["STRESS", "stress_only"]

STRESS = bool(os.environ.get("GILFREE_STRESS"))
stress_only = pytest.mark.skipif(not STRESS, reason="takes long: make stress")
