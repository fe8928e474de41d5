"""The platform on one machine: its checks, its processes, its demonstration."""
