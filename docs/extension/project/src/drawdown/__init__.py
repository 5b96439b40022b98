"""The largest fall in a series."""

from drawdown._drawdown import largest_drop

__all__ = ["largest_drop"]
