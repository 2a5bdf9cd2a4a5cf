"""Foundations: parts, errors, validators, files and time limits; nothing of signals."""
