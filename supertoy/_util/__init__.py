"""Checks of arguments, random numbers by key, threads, progress bars, intervals."""
