"""The colours of pictures in files, on light and on dark backgrounds."""

from dataclasses import dataclass
from typing import Any

__all__ = ["PALETTES", "Palette"]


@dataclass(frozen=True)
class Palette:
    """Colours by Okabe and Ito, told apart by the colour-blind, in the shades that suit a background."""

    background: str
    ink: str
    faint: str
    colours: dict[str, str]

    @property
    def settings(self) -> dict[Any, Any]:
        """What matplotlib needs to know of it."""
        return {
            "text.color": self.ink,
            "axes.labelcolor": self.ink,
            "xtick.color": self.ink,
            "ytick.color": self.ink,
            "axes.edgecolor": self.faint,
            "axes.facecolor": self.background,
            "font.size": 11,
        }


PALETTES = {
    "light": Palette("#ffffff", "#1f2328", "#d0d4d9", {"released": "#0072B2", "held": "#D55E00", "pure": "#009E73"}),
    "dark": Palette("#0d1117", "#e6edf3", "#3a424c", {"released": "#56B4E9", "held": "#E69F00", "pure": "#009E73"}),
}
