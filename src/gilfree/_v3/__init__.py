"""Where the kernels compiled for x86-64-v3 are installed."""
