"""The kernels beside what people would install instead, and what the machine can do: ``gilfree bench --peers``."""
