"""What each picture shows: a call of the kernel on input that is made here, and its result."""

from collections.abc import Callable, Iterable
from itertools import product

import matplotlib as mpl
import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import Style, bare

import gilfree

Draw = Callable[[Figure, Style], None]
DRAWINGS: dict[str, tuple[float, Draw]] = {}


def drawing(*, height: float) -> Callable[[Draw], Draw]:
    """Enter a function into DRAWINGS: it draws the picture of the kernel of its name, so many inches high."""

    def enter(draw: Draw) -> Draw:
        DRAWINGS[draw.__name__] = height, draw
        return draw

    return enter


@drawing(height=3.3)
def nearest_neighbors(figure: Figure, style: Style) -> None:
    """A vote of the nine nearest points at each pixel, between two spirals."""
    random = np.random.default_rng(7)
    turn = np.sqrt(random.uniform(0.02, 1, 240)) * 2.9 * np.pi
    arm = np.repeat([0, 1], 120)
    points = turn[:, None] * np.stack([np.cos(turn + np.pi * arm), np.sin(turn + np.pi * arm)], axis=1)
    points = points * [1.55, 1.0] + random.normal(0, 0.35, points.shape)
    width, height = 560, 320
    across, down = np.meshgrid(np.linspace(-17.5, 17.5, width), np.linspace(10, -10, height))
    _, nearest = gilfree.nearest_neighbors(np.stack([across.ravel(), down.ravel()], axis=1), points, k=9, workers=-1)
    share = arm[nearest].mean(axis=1).reshape(height, width)

    one, other = style.colours[:2]
    axes = bare(figure.subplots())
    colours = LinearSegmentedColormap.from_list("vote", [one, style.background, other])
    axes.imshow(share, cmap=colours, vmin=-0.35, vmax=1.35, extent=(-17.5, 17.5, -10, 10), interpolation="nearest")
    for which, (colour, marker) in enumerate([(one, "o"), (other, "^")]):
        axes.scatter(
            *points[arm == which].T, s=17, c=colour, marker=marker, edgecolors=style.background, linewidths=0.6
        )
    axes.set(xlim=(-17.5, 17.5), ylim=(-10, 10))


@drawing(height=3.0)
def sparse_matvec(figure: Figure, style: Style) -> None:
    """The Laplace operator on a small square of grid points, times a vector."""
    side = 9
    size = side * side
    rows: list[tuple[int, int, float]] = []
    for i, j in product(range(side), repeat=2):
        near = [(i + di, j + dj) for di, dj in ((-1, 0), (0, -1), (0, 1), (1, 0))]
        near = [(a, b) for a, b in near if 0 <= a < side and 0 <= b < side]
        here = [(a * side + b, -1.0) for a, b in near] + [(i * side + j, 4.0)]
        rows += [(i * side + j, column, value) for column, value in sorted(here)]
    row, column, value = (np.array(part) for part in zip(*rows, strict=True))
    indptr = np.searchsorted(row, np.arange(size + 1))
    across, down = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    x = np.exp(-3 * (across**2 + down**2)).ravel()
    y = gilfree.sparse_matvec((value, column, indptr, (size, size)), x)

    colours = LinearSegmentedColormap.from_list("signs", [style.colours[0], style.background, style.colours[1]])
    panels = figure.subplots(1, 5, width_ratios=[6, 1, 1, 1, 1])
    matrix, times, vector, equals, result = map(bare, panels)
    dots = np.where(value > 0, 1, 0)
    matrix.scatter(column, row, s=5, marker="s", c=[[style.colours[0], style.colours[1]][dot] for dot in dots], lw=0)
    matrix.set(xlim=(-1, size), ylim=(size, -1), aspect="equal", title=f"{size} × {size}, {len(value)} stored")
    matrix.spines[:].set_visible(True)
    for axes, sign in ((times, "×"), (equals, "=")):
        axes.text(0.5, 0.5, sign, ha="center", va="center", fontsize=20, transform=axes.transAxes)
    for axes, values, name in ((vector, x, "x"), (result, y, "y")):
        most = abs(values).max()
        axes.imshow(values[:, None], cmap=colours, vmin=-most, vmax=most, aspect="auto")
        axes.spines[:].set_visible(True)
        axes.set_title(name, fontstyle="italic")


@drawing(height=4.4)
def lomb_scargle(figure: Figure, style: Style) -> None:
    """A star that was looked at in some clear nights, its periodogram, and the star by the phase of the peak."""
    random = np.random.default_rng(4)
    period = 0.637
    nights = np.sort(random.choice(90, 45, replace=False))
    times = np.sort(np.concatenate([night + random.uniform(-0.15, 0.15, random.integers(1, 6)) for night in nights]))
    phase = times / period % 1
    values = (
        12.4 + 0.28 * np.sin(2 * np.pi * phase) + 0.1 * np.sin(4 * np.pi * phase) + random.normal(0, 0.08, times.size)
    )
    frequencies = np.linspace(0.05, 4, 20_000)
    power = gilfree.lomb_scargle(times, values, frequencies)
    found = 1 / frequencies[power.argmax()]

    seen, spectrum, folded = figure.subplot_mosaic(
        [["seen", "seen"], ["spectrum", "folded"]], width_ratios=[5, 4]
    ).values()
    seen.plot(times, values, ".", color=style.ink, markersize=5)
    seen.set(xlabel="days", ylabel="magnitude")
    spectrum.plot(frequencies, power, color=style.colours[0], linewidth=0.8)
    spectrum.annotate(
        f"{found:.3f} days",
        (1 / found, power.max()),
        (8, -4),
        textcoords="offset points",
        color=style.colours[1],
        fontweight="bold",
    )
    spectrum.set(xlabel="periods a day", ylabel="power", ylim=(0, 1))
    twice = np.concatenate([times / found % 1, times / found % 1 + 1])
    folded.plot(twice, np.tile(values, 2), ".", color=style.colours[1], markersize=4)
    folded.set(xlabel="phase", xlim=(0, 2), xticks=[0, 1, 2], yticks=[])
    for axes in (seen, folded):
        axes.invert_yaxis()  # astronomers' magnitudes: bright is small


@drawing(height=3.0)
def nbody_accelerations(figure: Figure, style: Style) -> None:
    """A Plummer sphere, and its bodies' accelerations beside those of the smooth sphere."""
    random = np.random.default_rng(3)
    count = 4000
    radius = 1 / np.sqrt(random.uniform(0.01, 0.99, count) ** (-2 / 3) - 1)
    direction = random.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    positions = radius[:, None] * direction
    pulls = np.linalg.norm(
        gilfree.nbody_accelerations(positions, np.full(count, 1 / count), softening=0.02, workers=-1), axis=1
    )

    sky, curve = figure.subplots(1, 2)
    order = np.argsort(pulls)
    tint = {"c": pulls[order], "cmap": style.lines, "norm": Normalize(0, 0.42), "linewidths": 0}
    bare(sky).scatter(*positions[order, :2].T, s=4, **tint)
    sky.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal")
    curve.scatter(radius[order], pulls[order], s=4, **tint)
    smooth = np.linspace(0, 5, 200)
    curve.plot(smooth, smooth / (smooth**2 + 1) ** 1.5, color=style.colours[1], linewidth=2, label="smooth sphere")
    curve.set(xlabel="distance from the centre", ylabel="acceleration", xlim=(0, 5), ylim=(0, 0.6))
    curve.legend(loc="upper right")


@drawing(height=2.2)
def convolve2d(figure: Figure, style: Style) -> None:
    """A street at night, in focus and convolved with the disc that a lens out of focus makes of a point."""
    random = np.random.default_rng(12)
    height, width, reach = 150, 210, 8
    scene = np.zeros((3, height, width), np.float32)
    left = 4
    while left < width - 14:
        broad, tall = random.integers(14, 34), random.integers(60, 140)
        for i, j in product(range(height - tall, height - 22, 9), range(left + 3, min(left + broad - 3, width), 8)):
            if random.random() < 0.6:  # noqa: PLR2004 - lit windows
                scene[:, i, j] = np.array([1.0, random.uniform(0.55, 0.8), random.uniform(0.15, 0.4)]) * random.uniform(
                    0.3, 1
                )
        left += broad + random.integers(3, 7)
    for j in range(10, width, 24):
        scene[:, height - 12, j] = random.choice([[1.0, 0.9, 0.75], [1.0, 0.15, 0.1], [0.3, 1.0, 0.65]])
    across, down = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    inside = np.hypot(across, down)
    disc = (np.clip(reach + 0.5 - inside, 0, 1) * (0.75 + 0.25 * (inside / reach) ** 4)).astype(np.float32)
    blurred = np.stack([gilfree.convolve2d(colour, disc, mode="same") for colour in scene])

    sharp, soft = map(bare, figure.subplots(1, 2))
    point = np.array([[0.3, 0.6, 0.3], [0.6, 1, 0.6], [0.3, 0.6, 0.3]], np.float32)
    points = np.stack([gilfree.convolve2d(colour, point, mode="same") for colour in scene])
    night = np.array([0.05, 0.07, 0.13])
    for axes, light, title in ((sharp, points, "image"), (soft, blurred * 0.8, "image * disc")):
        axes.imshow(np.clip(night + np.moveaxis(light, 0, -1), 0, 1) ** 0.8)
        axes.set_title(title)


@drawing(height=2.6)
def smooth_mesh(figure: Figure, style: Style) -> None:
    """A ring with a rough skin, before and after."""
    random = np.random.default_rng(2)
    around, across = 84, 40
    u, v = (grid.ravel() for grid in np.mgrid[0:around, 0:across])
    thick = 1 + random.normal(0, 0.035, u.size) / 0.42
    long, short = 2 * np.pi * u / around, 2 * np.pi * v / across
    ring = 1 + 0.42 * thick * np.cos(short)
    vertices = np.stack([ring * np.cos(long), ring * np.sin(long), 0.42 * thick * np.sin(short)], axis=1)
    corner = [((u + du) % around) * across + (v + dv) % across for du, dv in ((0, 0), (1, 0), (1, 1), (0, 1))]
    faces = np.concatenate(
        [np.stack([corner[0], corner[1], corner[2]], 1), np.stack([corner[0], corner[2], corner[3]], 1)]
    )
    smoothed = gilfree.smooth_mesh(vertices, faces, iterations=10)

    tilt = np.deg2rad(52)
    turned = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
    light = np.array([-0.45, 0.55, 0.75]) / np.linalg.norm([-0.45, 0.55, 0.75])
    colours = LinearSegmentedColormap.from_list("clay", ["#0b1f33", "#0072B2", "#9fd4f5", "#ffffff"])
    for axes, positions, title in zip(
        figure.subplots(1, 2), (vertices, smoothed), ("vertices", "after 10 iterations"), strict=True
    ):
        corners = (positions @ turned)[faces]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        order = np.argsort(corners[:, :, 2].mean(axis=1))
        order = order[normals[order, 2] > 0]
        shade = colours(0.12 + 0.8 * np.clip(normals[order] @ light, 0, 1))
        bare(axes).add_collection(
            PolyCollection(corners[order][:, :, :2], facecolors=shade, edgecolors=shade, linewidths=0.3)
        )
        axes.set(xlim=(-1.5, 1.5), ylim=(-1.05, 1.05), aspect="equal", title=title)


@drawing(height=3.0)
def asian_option_price(figure: Figure, style: Style) -> None:
    """How the estimate of one price closes in on it, with and without the control variate."""
    counts = (2 ** np.arange(7, 18.5, 0.5)).astype(int)
    axes = figure.subplots()
    for control, colour, name in ((False, style.colours[1], "plain"), (True, style.colours[0], "control variate")):
        found = [
            gilfree.asian_option_price(100, 100, 0.05, 0.2, 1.0, paths=int(paths), control_variate=control, workers=-1)
            for paths in counts
        ]
        prices, errors = (np.array(part) for part in zip(*found, strict=True))
        axes.fill_between(counts, prices - 2 * errors, prices + 2 * errors, color=colour, alpha=0.3, linewidth=0)
        axes.plot(
            counts,
            prices,
            color=colour,
            marker="o" if control else "^",
            markersize=4,
            label=f"{name}, ± 2 standard errors",
        )
    axes.set(xscale="log", xlabel="paths", ylabel="price", xlim=(counts[0], counts[-1]), ylim=(4.4, 7.6))
    axes.legend(loc="upper right")


@drawing(height=2.3)
def hamming_neighbors(figure: Figure, style: Style) -> None:
    """Pictures that look alike, found by their difference hashes: which of 64 neighbouring cells are brighter."""
    random = np.random.default_rng(11)
    side = 72
    sharp = gilfree.mandelbrot(900, 600, center=(-0.7436, 0.1318), span=0.012, max_iterations=400, workers=-1)
    picture = np.log(sharp + 1.0)
    corners = random.integers(0, [600 - side, 900 - side], (6000, 2))
    shown = (318, 402)  # and the same a little moved, among the others
    corners = np.concatenate([corners, [(shown[0] + i, shown[1] + j) for i, j in ((0, 3), (2, -2), (-4, 1))]])
    patches = np.stack([picture[i : i + side, j : j + side] for i, j in (shown, *corners)])
    cells = patches.reshape(-1, 8, side // 8, 9, side // 9).mean(axis=(2, 4))
    bits = cells[:, :, 1:] > cells[:, :, :-1]
    hashes = np.packbits(bits.reshape(-1, 64), axis=1)
    distances, nearest = gilfree.hamming_neighbors(hashes[:1], hashes[1:], k=5)

    above, below = figure.subplots(2, 6, squeeze=False)
    one, zero = style.ink, style.faint
    for place, which in enumerate([0, *(nearest[0] + 1)]):
        bare(above[place]).imshow(patches[which], cmap=style.shades)
        colours = np.where(bits[which][..., None], to_rgb(one), to_rgb(zero))
        colours[bits[which] != bits[0]] = to_rgb(style.colours[1])
        bare(below[place]).imshow(colours)
        below[place].set_xlabel(f"{distances[0, place - 1]} bits" if place else "query")
        for line in np.arange(0.5, 7):
            below[place].axhline(line, color=style.background, linewidth=1)
            below[place].axvline(line, color=style.background, linewidth=1)


@drawing(height=3.4)
def shortest_paths(figure: Figure, style: Style) -> None:
    """Ways from one corner through a town, where every eighth road is fast."""
    random = np.random.default_rng(5)
    columns, rows = 49, 29
    i, j = (grid.ravel() for grid in np.mgrid[0:rows, 0:columns])
    places = np.stack([j, i], axis=1) + random.uniform(-0.3, 0.3, (i.size, 2))
    number = np.arange(i.size)
    right = np.stack([number[j < columns - 1], number[j < columns - 1] + 1], axis=1)
    up = np.stack([number[i < rows - 1], number[i < rows - 1] + columns], axis=1)
    fast = np.concatenate([i[right[:, 0]] % 8 == 4, j[up[:, 0]] % 8 == 4])  # noqa: PLR2004
    roads = np.concatenate([right, up])
    stays = fast | (random.random(len(roads)) > 0.3)  # noqa: PLR2004
    roads, fast = roads[stays], fast[stays]
    minutes = np.linalg.norm(places[roads[:, 0]] - places[roads[:, 1]], axis=1) * np.where(fast, 0.35, 1.0)
    both = np.concatenate([roads, roads[:, ::-1]])
    order = np.argsort(both[:, 0], kind="stable")
    indptr = np.searchsorted(both[order, 0], np.arange(i.size + 1))
    graph = np.tile(minutes, 2)[order], both[order, 1], indptr, (i.size, i.size)
    distances, previous = gilfree.shortest_paths(graph, 2 * columns + 2, return_predecessors=True)

    axes = bare(figure.subplots())
    reached = np.isfinite(distances[roads]).all(axis=1)
    lines = LineCollection(
        places[roads[reached]],
        array=distances[roads[reached]].mean(axis=1),
        cmap=style.lines,
        linewidths=np.where(fast[reached], 2.2, 0.9),
    )
    axes.add_collection(lines)
    for goal in ((26, 44), (13, 46), (27, 18)):
        way = [goal[0] * columns + goal[1]]
        while (step := int(previous[way[-1]])) >= 0:
            way.append(step)
        axes.plot(*places[way].T, color=style.background, linewidth=5)
        axes.plot(*places[way].T, color=style.colours[1], linewidth=2.6)
        axes.plot(*places[way[0]], "o", color=style.colours[1], markeredgecolor=style.background, markersize=9)
    axes.plot(*places[2 * columns + 2], "s", color=style.colours[1], markeredgecolor=style.background, markersize=9)
    axes.set(xlim=(-1, columns), ylim=(-1, rows), aspect="equal")
    figure.colorbar(lines, ax=axes, label="minutes", shrink=0.85, aspect=30).outline.set_visible(False)


@drawing(height=4.6)
def edit_distance(figure: Figure, style: Style) -> None:
    """The word for night in languages of Europe, compared letter by letter."""
    words = [
        "night",
        "nacht",
        "natt",
        "nat",
        "nótt",
        "nuit",
        "noite",
        "noche",
        "notte",
        "nox",
        "noc",
        "noć",
        "noch",
        "naktis",
        "nakts",
    ]
    distances = gilfree.edit_distances(words, words)
    axes = figure.subplots()
    axes.imshow(distances, cmap=f"{style.shades}_r", vmin=0, vmax=6)
    for (i, j), distance in np.ndenumerate(distances):
        colour = "#ffffff" if distance > 3 else "#1f2328"  # noqa: PLR2004 - the dark half of the map
        axes.text(j, i, str(distance), ha="center", va="center", color=colour, fontsize=10)
    axes.set_xticks(range(len(words)), words, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(words)), words)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


PENTOMINOES = {
    "F": ((0, 1), (0, 2), (1, 0), (1, 1), (2, 1)),
    "I": ((0, 0), (0, 1), (0, 2), (0, 3), (0, 4)),
    "L": ((0, 0), (1, 0), (2, 0), (3, 0), (3, 1)),
    "N": ((0, 1), (1, 1), (2, 1), (2, 0), (3, 0)),
    "P": ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0)),
    "T": ((0, 0), (0, 1), (0, 2), (1, 1), (2, 1)),
    "U": ((0, 0), (0, 2), (1, 0), (1, 1), (1, 2)),
    "V": ((0, 0), (1, 0), (2, 0), (2, 1), (2, 2)),
    "W": ((0, 0), (1, 0), (1, 1), (2, 1), (2, 2)),
    "X": ((0, 1), (1, 0), (1, 1), (1, 2), (2, 1)),
    "Y": ((0, 1), (1, 0), (1, 1), (2, 1), (3, 1)),
    "Z": ((0, 0), (0, 1), (1, 1), (2, 1), (2, 2)),
}
Cells = frozenset[tuple[int, int]]


def turned(shape: Iterable[tuple[int, int]]) -> set[Cells]:
    """Return the ways a piece may lie, with the least row and column 0."""
    ways = set()
    for flip, swap, mirror in product((1, -1), (False, True), (1, -1)):
        cells = [(flip * i, mirror * j) for i, j in shape]
        cells = [(j, i) if swap else (i, j) for i, j in cells]
        top, left = (min(part) for part in zip(*cells, strict=True))
        ways.add(frozenset((i - top, j - left) for i, j in cells))
    return ways


@drawing(height=2.5)
def exact_cover(figure: Figure, style: Style) -> None:
    """The twelve pentominoes in two boxes."""
    boxes = {
        "6 × 10": frozenset(product(range(6), range(10))),
        "8 × 8 with a hole": frozenset(product(range(8), range(8))) - frozenset(product((3, 4), (3, 4))),
    }
    for axes, (title, box) in zip(figure.subplots(1, 2), boxes.items(), strict=True):
        placements = [
            (name, cells)
            for name, shape in PENTOMINOES.items()
            for way in sorted(map(sorted, turned(shape)))
            for top, left in sorted(box | {(0, 0)})
            if (cells := frozenset((i + top, j + left) for i, j in way)) <= box
        ]
        chosen = gilfree.find_exact_cover([(name, *sorted(cells)) for name, cells in placements])
        if chosen is None:
            raise ValueError(f"no way to fill {title}")
        pieces = [placements[number] for number in chosen]
        for (name, cells), colour in zip(pieces, painted([cells for _, cells in pieces]), strict=True):
            for i, j in cells:
                axes.add_patch(Rectangle((j, i), 1, 1, facecolor=style.colours[colour], linewidth=0))
                for (di, dj), line in zip(((0, -1), (0, 1), (-1, 0), (1, 0)), ("l", "r", "t", "b"), strict=True):
                    if (i + di, j + dj) not in cells:
                        x = {"l": (j, j), "r": (j + 1, j + 1)}.get(line, (j, j + 1))
                        y = {"t": (i, i), "b": (i + 1, i + 1)}.get(line, (i, i + 1))
                        axes.plot(x, y, color=style.background, linewidth=3, solid_capstyle="projecting")
            i, j = min(cells, key=lambda cell: sum(abs(cell[0] - a) + abs(cell[1] - b) for a, b in cells))
            axes.text(j + 0.5, i + 0.54, name, ha="center", va="center", color=style.background, fontweight="bold")
        height, width = (max(part) + 1 for part in zip(*box, strict=True))
        bare(axes).set(xlim=(0, width), ylim=(height, 0), aspect="equal", title=title)


def painted(pieces: list[Cells]) -> list[int]:
    """Return a colour for each piece, another one than its neighbours'."""
    paint: list[int] = []
    used = [0] * 6
    for place, piece in enumerate(pieces):
        around = {(i + di, j + dj) for i, j in piece for di, dj in ((0, -1), (0, 1), (-1, 0), (1, 0))}
        taken = {paint[other] for other in range(place) if pieces[other] & around}
        paint.append(min((colour for colour in range(6) if colour not in taken), key=lambda colour: used[colour]))
        used[paint[-1]] += 1
    return paint


@drawing(height=3.0)
def viterbi(figure: Figure, style: Style) -> None:
    """Which of five levels a noisy signal is at, when the level seldom changes."""
    random = np.random.default_rng(8)
    levels, steps, noise = 5, 260, 0.85
    stay = 0.97
    transition = np.full((levels, levels), (1 - stay) / (levels - 1))
    np.fill_diagonal(transition, stay)
    truth = [2]
    for _ in range(steps - 1):
        truth.append(int(random.choice(levels, p=transition[truth[-1]])))
    seen = truth + random.normal(0, noise, steps)
    likelihood = -0.5 * ((seen[:, None] - np.arange(levels)) / noise) ** 2
    path, _ = gilfree.viterbi(np.full(levels, -np.log(levels)), np.log(transition), likelihood)

    axes = figure.subplots()
    axes.plot(seen, ".", color=style.ink, alpha=0.55, markersize=4, label="observed")
    axes.step(range(steps), truth, where="mid", color=style.colours[0], linewidth=6, alpha=0.45, label="true state")
    axes.step(range(steps), path, where="mid", color=style.colours[1], linewidth=1.8, label="found")
    axes.set(xlabel="time", ylabel="state", xlim=(0, steps - 1), yticks=range(levels))
    figure.legend(loc="outside upper center", ncols=3)


@drawing(height=2.5)
def pattern_set(figure: Figure, style: Style) -> None:
    """Words within words within a sentence."""
    lines = ["the ushers hear other", "researchers there and", "here are her shoes"]
    patterns = gilfree.PatternSet(["he", "she", "her", "hers", "there", "research"])
    axes = bare(figure.subplots())
    for row, line in enumerate(lines):
        for place, letter in enumerate(line):
            axes.text(
                place + 0.5, row * 2.0, letter, family="DejaVu Sans Mono", fontsize=17, ha="center", va="baseline"
            )
        ends: list[int] = []
        for which, start in sorted(
            zip(*map(np.ndarray.tolist, patterns.find_all(line)), strict=True), key=lambda m: m[1]
        ):
            end = start + len(patterns.patterns[which])
            level = next((level for level, last in enumerate(ends) if last <= start), len(ends))
            ends[level : level + 1] = [end]
            y = row * 2.0 + 0.32 + 0.26 * level
            axes.plot(
                (start + 0.08, end - 0.08), (y, y), color=style.colours[which % 6], linewidth=4, solid_capstyle="butt"
            )
    axes.set(xlim=(0, max(map(len, lines))), ylim=(5.6, -0.8))


@drawing(height=3.3)
def mandelbrot(figure: Figure, style: Style) -> None:
    """The whole set."""
    axes = bare(figure.subplots())
    counts = gilfree.mandelbrot(840, 480, center=(-0.65, 0.0), span=3.6, max_iterations=400, workers=-1)
    inside = np.ma.masked_equal(counts, 400)
    colours = mpl.colormaps["magma" if style.background != "#ffffff" else "magma_r"].copy()
    colours.set_bad(style.colours[0])
    axes.imshow(inside, cmap=colours, norm=LogNorm(1, 400), interpolation="lanczos")
