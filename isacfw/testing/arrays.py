"""Checks of antenna arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.numbers import ComplexArray, FloatArray
from ..sensing.fisher import fisher_information
from ..signal.array import Array, Direction, validate_positions
from . import problems
from .checks import check, require
from .runs import Numbers, SampleRun, sample_run

_STEP = 1e-4
"""Largest change of a phase, in radians, over a step of a finite difference."""


@check("array")
def array_shapes(part: Array) -> None:
    """Positions are (N, 2) or (N, 3) with N = n_elements, and all results have the right shapes."""
    count, direction = part.n_elements, problems.DIRECTIONS[0]
    require(isinstance(count, int) and count >= 1, f"n_elements must be an integer of at least 1, got {count!r}")
    validate_positions(part.positions(), part, count)
    response, slopes = part.beam_response(direction, problems.DIRECTIONS[1])
    axes = 2 if part.planar else 3
    found: dict[str, tuple[Any, tuple[int, ...]]] = {
        "steering_vector": (part.steering_vector(direction), (count,)),
        "steering_derivatives": (part.steering_derivatives(direction), (2, count)),
        "steering_basis": (part.steering_basis(direction), (count, 3)),
        "second_moments": (part.second_moments(), (axes, axes)),
        "inner_products": (part.inner_products(direction, problems.DIRECTIONS[1]), (3, 3)),
        "the amplitude of beam_response": (response, ()),
        "the slopes of beam_response": (slopes, (2,)),
    }
    for name, (value, shape) in found.items():
        require(np.shape(value) == shape, f"{name} must have shape {shape}, got {np.shape(value)}")


@check("array")
def unit_modulus(part: Array) -> None:
    """Every entry of a steering vector has modulus one."""
    for direction in problems.DIRECTIONS:
        error = np.abs(np.abs(part.steering_vector(direction)) - 1).max()
        require(error < 1e-9, f"moduli differ from one by up to {error:.2g}")


@check("array")
def planar_is_true(part: Array) -> None:
    """The property planar is True if and only if all positions lie in the plane of the first two axes."""
    positions = np.asarray(part.positions(), dtype=np.float64)
    flat = positions.shape[-1] == 2 or bool(np.ptp(positions[:, 2]) == 0)
    require(part.planar == flat, f"planar is {part.planar}, but its positions say {flat}")


def _wave(part: Array, direction: Direction) -> ComplexArray:
    """Return the plane wave at the positions about their centroid."""
    positions = np.asarray(part.positions()) - np.mean(part.positions(), axis=0)
    return np.asarray(np.exp(1j * np.pi * (positions @ direction.vector[: positions.shape[-1]])))


@check("array")
def steering_follows_positions(part: Array) -> None:
    """The steering vector is the plane wave at the positions about their centroid."""
    for direction in problems.DIRECTIONS:
        error = np.abs(part.steering_vector(direction) - _wave(part, direction)).max()
        require(error < 1e-8, f"steering vector and positions differ by up to {error:.2g}")


@check("array")
def derivatives_against_differences(part: Array) -> None:
    """Derivatives of the steering vector agree with central differences."""
    aperture = np.abs(part.centred_positions()).sum(axis=-1).max()
    step = np.degrees(_STEP / (1 + np.pi * aperture))
    for direction in problems.DIRECTIONS:
        azimuth, elevation = direction.azimuth_deg, direction.elevation_deg
        found = part.steering_derivatives(direction)
        for row, (along, across) in enumerate(((1.0, 0.0), (0.0, 1.0))):
            ahead, behind = (
                Direction(
                    azimuth_deg=azimuth + sign * along * step,
                    elevation_deg=elevation + sign * across * step,
                )
                for sign in (1, -1)
            )
            slope = part.steering_vector(ahead) - part.steering_vector(behind)
            slope /= 2 * np.radians(step)
            error, scale = np.abs(found[row] - slope).max(), 1 + np.abs(slope).max()
            require(
                error < 1e-5 * scale,
                f"the derivative with respect to {('azimuth', 'elevation')[row]} is off by up to {error:.2g}",
            )


@check("array")
def closed_forms_against_positions(part: Array) -> None:
    """Second moments and inner products agree with the positions."""
    positions = np.pi * (np.asarray(part.positions()) - np.mean(part.positions(), axis=0))
    positions = positions[:, :2] if part.planar else positions
    moments = positions.T @ positions
    scale = 1 + np.abs(moments).max()
    require(np.abs(part.second_moments() - moments).max() < 1e-9 * scale, "second_moments differ")
    for first in problems.DIRECTIONS:
        for second in problems.DIRECTIONS:
            expected = _basis(part, positions, first).conj().T @ _basis(part, positions, second)
            error = np.abs(part.inner_products(first, second) - expected).max()
            require(error < 1e-8 * (part.n_elements + scale), f"inner_products differ by up to {error:.2g}")
            response, slopes = part.beam_response(first, second)
            error = np.abs(np.array([response, *slopes]) - expected[:, 0]).max()
            require(error < 1e-8 * (part.n_elements + scale), f"beam_response differs by up to {error:.2g}")


def _basis(part: Array, positions: FloatArray, direction: Direction) -> ComplexArray:
    """Return steering vector and derivatives from the positions, times pi; (N, 3)."""
    along = positions if positions.shape[-1] == 2 else positions @ direction.tangents
    wave = _wave(part, direction)[:, None]
    return np.concatenate([wave, 1j * along * wave], axis=-1)


@check("array")
def fisher_information_is_valid(part: Array) -> None:
    """Fisher matrices with the array on either side are positive semidefinite."""
    for target in problems.DIRECTIONS:
        for beam in problems.DIRECTIONS[:2]:
            pair = fisher_information(
                transmit=part, receive=part, target=target, beam=beam, amplitude=0.1, frame_length=10
            )
            for matrix in pair:
                scale = 1 + np.abs(matrix).max()
                least = np.linalg.eigvalsh(matrix).min()
                require(least >= -1e-9 * scale, f"a Fisher matrix has the eigenvalue {least:.2g}")


@sample_run("array")
def _of_array(part: Array, seed: int) -> SampleRun:
    direction = problems.DIRECTIONS[seed]

    def run() -> Numbers:
        response, slopes = part.beam_response(direction, problems.DIRECTIONS[2])
        return {
            "positions": part.positions(),
            "steering_vector": part.steering_vector(direction),
            "steering_derivatives": part.steering_derivatives(direction),
            "steering_basis": part.steering_basis(direction),
            "second_moments": part.second_moments(),
            "inner_products": part.inner_products(direction, problems.DIRECTIONS[2]),
            "beam_response": np.array([response, *slopes]),
        }

    return SampleRun(inputs={}, direct=run)
