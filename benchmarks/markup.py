"""Pieces of HTML that several sections of the report have."""

from html import escape

__all__ = ["scrolling"]


def scrolling(label: str, table: str) -> str:
    """Return a table that scrolls sideways where it is wider than the window, by the keyboard, too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">{table}</div>'
