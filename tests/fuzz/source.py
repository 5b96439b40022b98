"""Arguments made of a fuzzer's bytes: numbers in every layout that arrays have."""

import numpy as np

__all__ = ["FLOATS", "INDICES", "LAYOUTS", "Source"]

# What a byte stands for. The tame numbers add up exactly, in any order, so that results can be compared bit for bit.
TAME = np.array([(number - 128) / 4 for number in range(256)])
WILD = TAME.copy()
WILD[::5] = np.resize(
    [np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e-310, 1.8e308, -1.7e308, 1e200, 1e-200, 1e30, 3.5e38, 2.0**53, 1e-30],
    WILD[::5].size,
)
WILD_INDICES = np.array(
    [0, 1, -1, 2, 2**31 - 1, 2**31, -(2**31), 2**32, 2**62, 2**63 - 1, -(2**63), 255, 2**16, -2, 7, 2**40], np.int64
)
FLOATS = (np.float64, np.float32)
INDICES = (np.int32, np.int64)
LAYOUTS = ("plain", "read-only", "reversed", "strided", "fortran", "swapped", "misaligned", "broadcast")


class Source:
    """Draws from bytes; where they are used up, all is 0."""

    def __init__(self, data):
        self.data = data
        self.place = 0

    def bytes(self, count):
        taken = self.data[self.place : self.place + count]
        self.place += count
        return taken.ljust(count, b"\0")

    def below(self, limit):
        return int.from_bytes(self.bytes(1 if limit <= 256 else 4), "little") % limit

    def between(self, least, most):
        return least + self.below(most - least + 1)

    def choice(self, values):
        return values[self.below(len(values))]

    def chance(self, parts):
        """Whether the one of so many parts is drawn that is not 0, so that what is used up has no surprises."""
        return self.below(parts) == parts - 1

    def real(self):
        return float(self.choice(WILD if self.chance(8) else TAME))

    def floats(self, shape, dtype=None, *, wild=True):
        count = int(np.prod(shape))
        dtype = np.dtype(dtype or self.choice(FLOATS))
        kind = self.below(4) if wild else 0
        if kind == 3:
            values = np.frombuffer(self.bytes(count * dtype.itemsize), dtype)
        else:
            table = WILD if kind == 2 else TAME
            with np.errstate(over="ignore"):
                values = table[np.frombuffer(self.bytes(count), np.uint8)].astype(dtype)
        return self.laid_out(values.reshape(shape))

    def indices(self, count, limit, dtype=None):
        """Numbers below the limit, mostly."""
        dtype = np.dtype(dtype or self.choice(INDICES))
        values = np.frombuffer(self.bytes(count), np.uint8).astype(np.int64) % max(limit, 1)
        if self.chance(4) and count:
            values[self.below(count)] = self.choice(WILD_INDICES)
        return self.laid_out(values.astype(dtype))

    def offsets(self, rows, most, dtype=None):
        """Numbers that never fall, mostly: where rows of a sparse matrix begin and end."""
        sizes = np.frombuffer(self.bytes(rows), np.uint8).astype(np.int64) % (most + 1)
        values = np.concatenate([[0], np.cumsum(sizes)])
        count = int(values[-1])
        if self.chance(4):
            values[self.below(rows + 1)] = self.choice(WILD_INDICES)
        return count, self.laid_out(values.astype(dtype or self.choice(INDICES)))

    def laid_out(self, array):
        """The same numbers, laid out in memory as few expect."""
        layout = self.choice(LAYOUTS) if self.chance(3) else "plain"
        array = np.array(array)
        if layout == "read-only":
            array.flags.writeable = False
        elif layout == "reversed":
            array = np.ascontiguousarray(array[..., ::-1])[..., ::-1]
        elif layout == "strided":
            array = np.repeat(array, 2, axis=-1)[..., ::2]
        elif layout == "fortran":
            array = np.asfortranarray(array)
        elif layout == "swapped":
            array = array.astype(array.dtype.newbyteorder())
        elif layout == "misaligned":
            memory = np.empty(array.nbytes + 1, np.uint8)[1:]
            memory[:] = np.frombuffer(array.tobytes(), np.uint8)
            array = memory.view(array.dtype).reshape(array.shape)
        elif layout == "broadcast" and array.size:
            array = np.broadcast_to(array[(0,) * array.ndim], array.shape)
        return array

    def text(self, most, *, wide=None):
        """A str of one, two or four bytes a symbol, or some bytes."""
        count = self.between(0, most)
        symbols = self.bytes(count)
        kind = self.below(5) if wide is None else wide
        if kind == 0:
            return symbols
        if kind == 1:
            return bytearray(symbols)
        few = [symbol % (3 if kind == 2 else 256) for symbol in symbols]
        return "".join(chr(symbol + (97, 0x100, 0x1F600)[kind - 2]) for symbol in few)
