"""Escape-time counts of z ← z² + c, exactly those of the naive loop in float64.

Four registers of neighbouring pixels go through the iteration together, which hides the latency of its chain of
dependent operations. Pixels that never escape are the expensive ones; they end early by cycle detection (Brent 1980):
rounding makes the set of states finite, so a bounded orbit must repeat, and once z takes a value that it had before,
bit for bit, it will do so for ever. That is a proof, unlike the usual tests for the cardioid and the period-2 bulb,
which hold for real numbers and not for rounded ones.
"""

from libc.stdint cimport int32_t, int64_t

from gilfree.cores.lanes cimport LANES_F64, any_lane, at_most, f64, i64, load_f64, same, splat_f64, splat_i64, store_i64
from gilfree.cores.stop cimport OK, Poll, advance, advance_each, poll_each

cdef enum:
    REGISTERS = 4
    BLOCK = 16  # iterations between two looks at whether any pixel is still undecided
    PIXELS = REGISTERS * LANES_F64
    POLL_EVERY = 4096  # iterations of the four registers: 50 to 200 µs
    TELL_EVERY = 1024  # pixels


cdef struct Orbit:
    f64 zr
    f64 zi
    f64 cr
    f64 ci
    i64 bounded  # all bits set while |z| ≤ 2
    i64 count
    f64 saved_zr  # an earlier z: meeting it again closes a cycle
    f64 saved_zi


cdef inline void start(Orbit *self, const double *x, double y) noexcept nogil:
    self.zr = self.zi = splat_f64(0)
    self.cr = load_f64(x)
    self.ci = splat_f64(y)
    self.bounded = splat_i64(-1)
    self.count = splat_i64(0)
    self.saved_zr = self.saved_zi = splat_f64(0)


cdef inline void step(Orbit *self) noexcept nogil:
    cdef f64 rr = self.zr * self.zr
    cdef f64 ii = self.zi * self.zi
    cdef f64 ri = self.zr * self.zi
    self.bounded = self.bounded & at_most(rr + ii, splat_f64(4))
    self.count = self.count - self.bounded
    self.zr = rr - ii + self.cr
    self.zi = ri + ri + self.ci


cdef inline void save(Orbit *self) noexcept nogil:
    self.saved_zr = self.zr
    self.saved_zi = self.zi


cdef inline void retire_cycles(Orbit *self, int64_t remaining) noexcept nogil:
    """Pixels whose z has come back to the saved one are given the iterations that remain, and are done."""
    cdef i64 cyclic = self.bounded & same(self.zr, self.saved_zr) & same(self.zi, self.saved_zi)
    self.count = self.count + (cyclic & splat_i64(remaining))
    self.bounded = self.bounded & ~cyclic


cdef struct Picture:
    Py_ssize_t width
    Py_ssize_t height
    double real  # of the middle
    double imaginary
    double side  # of a pixel


cdef inline int mandelbrot(
    const Picture *picture, Py_ssize_t first_row, Py_ssize_t rows, int64_t max_iterations, int32_t *counts, Poll *stop
) noexcept nogil:
    """Writes to counts[i, column] the count of a pixel of row first_row + i."""
    cdef Py_ssize_t width = picture.width
    cdef double y
    cdef Orbit a, b, c, d
    cdef double points[PIXELS]
    cdef int64_t escaped[PIXELS]
    cdef Py_ssize_t row, column, group, first, pixels
    cdef int64_t done, begun, pause, next_save, work = 0, untold = 0
    cdef bint undecided
    cdef int status

    for row in range(rows):
        # In float64, which no height overflows and which is exact for any that fits into memory.
        y = picture.imaginary + ((<double> picture.height - 1) / 2 - (<double> first_row + row)) * picture.side
        for group in range((width + PIXELS - 1) // PIXELS):
            first = group * PIXELS
            pixels = min(<Py_ssize_t> PIXELS, width - first)
            for column in range(PIXELS):
                # The last pixel fills up what is left of the registers.
                points[column] = picture.real + (first + min(column, pixels - 1) - (width - 1) / 2.0) * picture.side
            start(&a, &points[0], y)
            start(&b, &points[LANES_F64], y)
            start(&c, &points[2 * LANES_F64], y)
            start(&d, &points[3 * LANES_F64], y)

            done = 0
            next_save = BLOCK
            undecided = True
            # Two loops, so that the inner one calls nothing and its registers stay in place.
            while undecided and done + BLOCK <= max_iterations:
                begun = done
                pause = min(done + POLL_EVERY, max_iterations)
                while undecided and done + BLOCK <= pause:
                    for _ in range(BLOCK):
                        step(&a)
                        step(&b)
                        step(&c)
                        step(&d)
                    done += BLOCK
                    retire_cycles(&a, max_iterations - done)
                    retire_cycles(&b, max_iterations - done)
                    retire_cycles(&c, max_iterations - done)
                    retire_cycles(&d, max_iterations - done)
                    if done == next_save:
                        save(&a)
                        save(&b)
                        save(&c)
                        save(&d)
                        next_save *= 2
                    undecided = any_lane(a.bounded | b.bounded | c.bounded | d.bounded)
                status = poll_each(stop, &work, done - begun, POLL_EVERY)
                if status != OK:
                    return status
            if undecided:
                for _ in range(max_iterations - done):
                    step(&a)
                    step(&b)
                    step(&c)
                    step(&d)
            status = poll_each(stop, &work, BLOCK, POLL_EVERY)
            if status != OK:
                return status

            store_i64(&escaped[0], a.count)
            store_i64(&escaped[LANES_F64], b.count)
            store_i64(&escaped[2 * LANES_F64], c.count)
            store_i64(&escaped[3 * LANES_F64], d.count)
            for column in range(pixels):
                counts[row * width + first + column] = <int32_t> escaped[column]
            advance_each(stop, &untold, pixels, TELL_EVERY)
    advance(stop, untold)
    return OK
