"""Draw the pictures of the kernels' pages, each from a call of the kernel, on light and on dark."""

import argparse
from pathlib import Path

from style import STYLES, context, figure, save

from drawings import DRAWINGS

IMAGES = Path(__file__).parents[1] / "images" / "kernels"


def main() -> None:
    """Draw those that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python docs/pictures", description=__doc__)
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help=f"one of {', '.join(DRAWINGS)}; by default all")
    parser.add_argument("--output", type=Path, default=IMAGES, metavar="FOLDER", help="by default docs/images/kernels")
    arguments = parser.parse_args()
    if unknown := set(arguments.kernels) - set(DRAWINGS):
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.kernels or DRAWINGS:
        height, draw = DRAWINGS[name]
        for suffix, style in STYLES.items():
            with context(style):
                drawn = figure(style, height)
                draw(drawn, style)
                save(drawn, arguments.output / f"{name}{suffix}.png")


if __name__ == "__main__":
    main()
