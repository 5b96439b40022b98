cdef double drop(const double[::1] values) noexcept nogil:
    cdef double value, highest = values[0], largest = 0
    cdef Py_ssize_t index
    for index in range(values.shape[0]):
        value = values[index]
        if value > highest:
            highest = value
        elif highest - value > largest:
            largest = highest - value
    return largest


def largest_drop(const double[::1] values):
    """Return by how much a series falls at the most, from any value to any later one.

    Parameters
    ----------
    values : buffer of float64
        One-dimensional and contiguous, such as an array of NumPy or of the module `array`. Without NaN.

    Raises
    ------
    TypeError, ValueError
        It is no such buffer, or empty.

    Notes
    -----
    Takes O(n) and no memory, without the GIL.

    Thread safety: safe on shared objects. If another thread writes to the values meanwhile, the result is that of some
    mixture of old and new ones.
    """
    cdef double largest
    if values.shape[0] == 0:
        raise ValueError("values: wanted one or more, got none")
    with nogil:
        largest = drop(values)
    return largest
