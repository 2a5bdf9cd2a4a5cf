"""The paper's errata: each printed form next to the corrected one and an independent computation.

Equation numbers are those of Nguyen et al., "Performance Analysis and Power Allocation for Massive MIMO ISAC
Systems".
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

import isacfw
from isacfw import (
    Designed,
    Direction,
    FloatArray,
    Scenario,
    Steered,
    Target,
    crlb,
    fisher_information,
    load_scenario,
)
from isacfw.simulation import Transmission, simulated_rates
from isacfw.testing import LineOfSight
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.precoders.mrt import MRT

STEP_DEG = 1e-4


def moved(direction: Direction, azimuth_deg: float, elevation_deg: float) -> Direction:
    """Return a direction nearby."""
    return Direction(
        azimuth_deg=direction.azimuth_deg + azimuth_deg, elevation_deg=direction.elevation_deg + elevation_deg
    )


def slopes(function, direction: Direction) -> list:
    """Return central differences of a function with respect to azimuth and elevation, per radian."""
    return [
        (function(moved(direction, *shift)) - function(moved(direction, *(-np.array(shift)))))
        / np.radians(2 * STEP_DEG)
        for shift in ((STEP_DEG, 0), (0, STEP_DEG))
    ]


def erratum_1() -> None:
    """(49) and (51): the vertical term has sin² and not cos² of the elevation."""
    print("1. Squared norm of the steering vector's derivative w.r.t. elevation, 15 x 5 antennas, azimuth 22.5°")
    print("   elevation    (49) printed     corrected     finite differences")
    array, azimuth = UPA(horizontal=15, vertical=5), np.radians(22.5)
    for elevation_deg in (45.0, 60.0, 75.0):
        elevation = np.radians(elevation_deg)
        scale = array.n_elements / 12 * np.pi**2
        across = (15**2 - 1) * np.sin(azimuth) ** 2
        printed = scale * np.cos(elevation) ** 2 * (across + 5**2 - 1)
        corrected = scale * (across * np.cos(elevation) ** 2 + (5**2 - 1) * np.sin(elevation) ** 2)
        direction = Direction(azimuth_deg=22.5, elevation_deg=elevation_deg)
        numeric = np.linalg.norm(slopes(array.steering_vector, direction)[1]) ** 2
        print(f"   {elevation_deg:6.0f}°   {printed:14.3f} {corrected:13.3f} {numeric:17.3f}")


def printed_theorem_2(
    transmit: UPA, receive: UPA, target: Direction, beam: Direction, amplitude: float, length: int, share: float
) -> FloatArray:
    """Return the CRLBs (39)-(40) with (41)-(45) as printed, for unit power and a share of it in the beam."""
    a, b, v = (
        array.steering_vector(where) for array, where in ((transmit, target), (receive, target), (transmit, beam))
    )
    da, db = transmit.steering_derivatives(target), receive.steering_derivatives(target)
    n_t, n_r, kappa = len(a), len(b), 2 * length
    common, rho = (1 - share) / n_t, share / n_t
    beam_on_target = abs(v.conj() @ a) ** 2
    information = (
        kappa
        * amplitude**2
        * (
            common * (n_r * da.conj() @ da.T + n_t * db.conj() @ db.T)
            + rho * (beam_on_target * db.conj() @ db.T + n_r * np.outer((da.conj() @ v), (da.conj() @ v).conj()))
        ).real
    )
    alpha = kappa * (common * n_t * n_r + rho * n_r * beam_on_target)
    cross = kappa * rho * n_r * np.real((a.conj() @ v) * (v.conj() @ da[1]) * np.array([1, 1j]))
    information[1, 1] -= cross @ cross / alpha
    return 1 / np.array(
        [
            information[0, 0] - information[0, 1] ** 2 / information[1, 1],
            information[1, 1] - information[0, 1] ** 2 / information[0, 0],
        ]
    )


def difference_crlb(
    transmit: UPA, receive: UPA, target: Direction, beam: Direction, amplitude: float, length: int, share: float
) -> FloatArray:
    """Return the CRLBs from finite differences of the echo, which use only steering vectors."""
    v = transmit.steering_vector(beam)
    covariance = ((1 - share) * np.eye(len(v)) + share * np.outer(v, v.conj())) / len(v)
    root = np.linalg.cholesky(covariance + 1e-15 * np.eye(len(v)))

    def echo(direction: Direction) -> FloatArray:
        return np.outer(receive.steering_vector(direction), transmit.steering_vector(direction).conj()) @ root

    derivatives = [amplitude * slope for slope in slopes(echo, target)] + [echo(target), 1j * echo(target)]
    rows = np.array([derivative.ravel() for derivative in derivatives])
    return np.diag(np.linalg.inv(2 * length * (rows.conj() @ rows.T).real))[:2]


def erratum_2() -> None:
    """(37) leaves out the block of azimuth and α, (45) the factor α*."""
    print(
        "\n2. CRLB of the elevation in rad², 5 x 5 antennas on both sides, |α| = 0.1, half the power in the beam"
    )
    print("   beam off by    (40) printed    full 4 x 4    finite differences")
    transmit = receive = UPA(horizontal=5, vertical=5)
    target = Direction(azimuth_deg=22.5, elevation_deg=45)
    for offset in (0.0, 1.0, 2.0, 5.0):
        beam = moved(target, offset, offset)
        arguments = (transmit, receive, target, beam, 0.1, 30)
        communication, sensing = fisher_information(
            transmit=transmit, receive=receive, target=target, beam=beam, amplitude=0.1, frame_length=30
        )
        correct = crlb(0.5 * communication + 0.5 * sensing)[1]
        printed = printed_theorem_2(*arguments, 0.5)[1]
        numeric = difference_crlb(*arguments, 0.5)[1]
        print(f"   {offset:8.0f}°   {printed:15.4e} {correct:13.4e} {numeric:17.4e}")


def erratum_3(scenario: Scenario) -> None:
    """|α| is not stated; it is bounded by the text on Figs. 6 and 7."""
    print("\n3. CRLB of the azimuth in dB without any power in the beam, 225 and 25 antennas")
    print("   |α|        SNR 10 dB   SNR 20 dB")
    for amplitude in (0.053, 1 / 16, 0.094):
        levels = []
        for snr_db in (10.0, 20.0):
            target = attrs.evolve(
                scenario.target, reflection_amplitude=amplitude, distance_m=None, reference_distance_m=None
            )
            problem = attrs.evolve(scenario, snr_db=snr_db, target=target).problem(MRT())[0]
            levels.append(10 * np.log10(problem.crlb(problem.equal_split, 0.0)[0]))
        print(f"   {amplitude:.4f}   {levels[0]:10.2f}  {levels[1]:10.2f}")


def erratum_4(scenario: Scenario) -> None:
    """Users that share a pilot have collinear estimates."""
    print("\n4. Estimates of 12 users from 10 pilots, and the effect on MRT (mean of 50 drops, 10 dB)")
    many = attrs.evolve(scenario, drops=50)
    rates = {}
    for estimates in ("independent", "physical"):
        model = many.with_value("channel.estimates", estimates)
        statistics = model.statistics([0])
        _, drawn = model.channel.draw(statistics, model.transmit_array, 1, np.random.default_rng(1))
        rank = np.linalg.matrix_rank(drawn[0, 0])
        comparison = isacfw.compare(model, precoders=["mrt"], allocators=["sca-log", "equal_com"])
        rates[estimates] = comparison.dataset["sum_rate"].mean("drop").to_numpy()[0]
        print(
            f"   {estimates:12s} rank {rank:2d}, sum rate {rates[estimates][0]:.3f} bit/s/Hz with the optimised"
            f" allocation, {rates[estimates][1]:.3f} with EqualCom"
        )
    change = 100 * (rates["physical"] / rates["independent"] - 1)
    print(f"   physical estimates change these by {change[0]:+.2f} % and {change[1]:+.2f} %")


def erratum_5(scenario: Scenario) -> None:
    """Sensing superposed on the data radiates a different power if means have a known phase."""
    print("\n5. Superposed sensing with half of the power: radiated power, and rates of equal shares in bit/s/Hz")
    line = LineOfSight(azimuth_deg=(20.0, 24.0, -30.0), k_factor=3.0)
    sensing = attrs.evolve(scenario.sensing, crlb_limit_db=None)
    shares, half = np.full(3, 1 / 6), 0.5
    for name, channel in (("random", line), ("fixed", attrs.evolve(line, random_phase=False))):
        model = attrs.evolve(scenario, channel=channel, sensing=sensing, **small())
        closed = model.problem(MRT(), model.statistics([0]))[0].rates(shares, half)
        print(f"   {name:6s} phase, {'model':15s}{'1.000':>10s}   {'  '.join(f'{rate:.2f}' for rate in closed)}")
        for title, superposed in (("own waveforms", False), ("superposed", True)):
            sent = Transmission.of(model, MRT(), 0, shares, half, superposed=superposed)
            _, waveforms = sent.draw(20_000, np.random.default_rng(1))
            power = (np.abs(waveforms) ** 2).sum(axis=(1, 2)).mean() / 10 ** (model.snr_db / 10)
            rates = simulated_rates(sent, 20_000, np.random.default_rng(2)).value
            print(f"   {name:6s} phase, {title:15s}{power:10.3f}   {'  '.join(f'{rate:.2f}' for rate in rates)}")


def erratum_6(scenario: Scenario) -> None:
    """Compare the beam v = a with the best ones for the CRLB."""
    print("\n6. Share of the power for sensing in per cent at 10 dB, and the beam's gain towards the target")
    beams = {"v = a": Steered(), "difference": Difference(), "designed": Designed()}
    for limit_db in (-40.0, -45.0):
        model = scenario.with_value("sensing.crlb_limit_db", limit_db)
        statistics = model.statistics([0])
        for name, beam in beams.items():
            share = 100 * (1 - float(model.problem(MRT(), statistics, beam=beam)[0].best_mix[0]))
            forms = model.beam_statistics(beam, statistics).forms[0]
            gain = forms[:, 0, 0].real.mean()
            print(f"   limits {limit_db:.0f} dB   {name:10s} {share:6.2f} %   gain {gain:6.1f}")


def small() -> dict[str, Any]:
    """Return arrays and a target for a simulation that takes a second."""
    return {
        "transmit_array": ULA(elements=8),
        "receive_array": ULA(elements=6),
        "target": Target(azimuth_deg=22.0, elevation_deg=90.0, known=("elevation",)),
    }


def main() -> None:
    """Print all errata."""
    scenario = load_scenario("nguyen2025").scenario
    erratum_1()
    erratum_2()
    erratum_3(scenario)
    erratum_4(scenario)
    erratum_5(scenario)
    erratum_6(scenario)


if __name__ == "__main__":
    main()
