"""Where the kernels compiled for x86-64-v4 are installed."""
