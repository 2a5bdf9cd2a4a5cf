"""Beamforming on channels that are known: problem, reduction, bounds, beamformers and verification."""
