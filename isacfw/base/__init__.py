"""Foundations: parts, errors, validators, files and time limits; independent of signals."""
