"""The benchmark suite: what holding and releasing the GIL do to threads, measured on this machine."""
