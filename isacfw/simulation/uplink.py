"""Simulated OFDM frames of the uplink: users, echoes with delay and Doppler shift, and the radar's image."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import numpy as np
from numpy.random import Generator

from ..allocation.uplink import UplinkProblem
from ..base.errors import InputError
from ..base.numbers import ComplexArray, FloatArray
from ..scenario.scenario import Scenario
from ..signal.channel import Channel
from ..signal.gaussian import complex_normal
from ..signal.moments import drawn_channels
from ..signal.precoder import Precoder
from ..signal.scene import Scene
from .echoes import symbols
from .transmission import BLOCKS, Simulated, jackknife


@attrs.frozen(kw_only=True, eq=False)
class RadarQuality:
    """Simulated quality of the radar, with standard errors over the frames.

    Parameters
    ----------
    nmse : Simulated
        Normalised mean square error of the radar channel.
    image_sinr : Simulated
        SINR of each target's peak in the radar image; (T,).
    """

    nmse: Simulated
    image_sinr: Simulated


@attrs.frozen(kw_only=True, eq=False)
class UplinkReception:
    r"""The receiver of one drop of the uplink at given powers.

    Parameters
    ----------
    channel : Channel
        Source of channels and their estimates.
    combiner : Precoder
        Computes the combiners from the estimates.
    scene : Scene
        Scene of one drop, its statistics without batch axes: (K,).
    problem : UplinkProblem
        The problem of the drop, without batch axes: powers, self-interference and numbers of a radar image.
    reflections : ndarray of complex, shape (T,)
        :math:`\alpha_t`.
    communication : ndarray, shape (K,)
        Shares :math:`x_k` of the users' powers.
    sensing : float
        Share q of the radar's power.

    Notes
    -----
    An antenna receives in each resource element

    .. math:: y = \sum_k \sqrt{x_k P_u} h_k s_k
        + \sqrt{q P_r} \sum_t \alpha_t b_t e^{-2\pi j c l_t / N_c} e^{2\pi j m d_t / M_s} s_r + n_{si} + n

    at the subcarrier c and the symbol m, from targets at different places :math:`(l_t, d_t)` of the grid, with
    self-interference of power :math:`\sigma_{si} q P_r` and QPSK symbols. Channels are constant in a frame.
    """

    channel: Channel
    combiner: Precoder
    scene: Scene
    problem: UplinkProblem
    reflections: ComplexArray
    communication: FloatArray
    sensing: float

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        combiner: Precoder,
        drop: int,
        communication: FloatArray,
        sensing: float,
    ) -> UplinkReception:
        """Return the receiver of a drop of a scenario, for shares of users and radar.

        Parameters
        ----------
        scenario : Scenario
            A scenario of the uplink, without a sweep, or at one of its points.
        combiner : Precoder
            One of the scenario's or any other.
        drop : int
            Number of the drop.
        communication, sensing
            See the class.
        """
        statistics = scenario.statistics([drop])
        return cls(
            channel=scenario.budgeted_channel,
            combiner=combiner,
            scene=scenario.scene(statistics).of_drop(0),
            problem=scenario.uplink_problem(combiner, statistics)[0],
            reflections=np.array([target.reflection for target in scenario.sensed]),
            communication=np.asarray(communication, dtype=np.float64),
            sensing=float(sensing),
        )

    def sinr(self, draws: int, generator: Generator) -> Simulated:
        r"""Return the SINR of each user from drawn channels; (K,).

        Parameters
        ----------
        draws : int
            Number of channel draws.
        generator : numpy.random.Generator
            Source of randomness.

        Notes
        -----
        With :math:`t_{kj} = w_k^H h_j`, or :math:`w_k^H (h_j - \hat h_j)` for users that are taken away before
        user k (:meth:`~isacfw.Precoder.cancels`), it is :math:`x_k P_u |E\,t_{kk}|^2` by the power of all else.
        """
        power = self.problem.user_power * self.communication
        radar = self.problem.radar_power * self.sensing
        cancelled, steering = self.combiner.cancels(self.scene), self._steering()

        def sample(number: int) -> ComplexArray:
            channels, estimates = drawn_channels(self.channel, self.scene, number, generator)
            weights = np.swapaxes(self.combiner.checked_weights(self.scene, estimates).conj(), -1, -2)
            whole, rest = weights @ channels, weights @ (channels - estimates)
            own = np.diagonal(whole, axis1=-2, axis2=-1)
            users = (np.abs(np.where(cancelled, rest, whole)) ** 2 * power).sum(axis=-1)
            phases = np.exp(2j * np.pi * generator.uniform(size=(number, 1, len(self.reflections))))
            echo = np.abs((weights @ steering * self.reflections * phases).sum(axis=-1)) ** 2
            noise = (np.abs(weights) ** 2).sum(axis=-1)
            white = 1 + radar * self.problem.self_interference
            return np.stack([own, users + radar * echo + white * noise], axis=1)

        def ratio(means: ComplexArray) -> FloatArray:
            signal = power * np.abs(means[:, 0]) ** 2
            return np.asarray(signal / (means[:, 1].real - signal))

        return jackknife(_blocks(sample, draws), ratio)

    def radar(self, frames: int, generator: Generator) -> RadarQuality:
        r"""Return error of the radar channel and SINR of the radar image from simulated frames.

        Parameters
        ----------
        frames : int
            Number of frames, each with its own channels, symbols, noise, delays and Doppler shifts.
        generator : numpy.random.Generator
            Source of randomness.

        Raises
        ------
        InputError
            If the radar does not send, or the grid has fewer places than targets.

        Notes
        -----
        The users' symbols are known; what is left after they are taken away is divided by the radar's symbols.
        The image is the inner product with :math:`b_t` over the antennas, and the Fourier transform over
        subcarriers and symbols. Its noise counts with its mean power over all delays and Doppler shifts.
        """
        if not self.sensing > 0:
            raise InputError("sensing", f"must be greater than 0 for a radar image, got {self.sensing:g}")
        places = int(self.problem.subcarriers * self.problem.symbols)
        if places < len(self.reflections):
            raise InputError("uplink.symbols", "must give each target a place of its own in the radar image")
        found = np.array([self._frame(generator) for _ in range(frames)])
        echo = float(self.problem.radar_power) * self.sensing * np.abs(self.reflections) ** 2
        elements = self.scene.antennas * places
        nmse = jackknife(found[:, :1], lambda means: np.asarray(means[:, 0].real / echo.sum()))
        image = jackknife(found[:, 1:], lambda means: np.asarray(elements**2 * echo / means.real))
        return RadarQuality(nmse=nmse, image_sinr=image)

    def _frame(self, generator: Generator) -> FloatArray:
        """Return the mean square error per element, and the mean noise power in each target's image; (1 + T,)."""
        problem, steering = self.problem, self._steering()
        carriers, count = int(problem.subcarriers), int(problem.symbols)
        received, estimates, sent = self._received(generator)
        taken = np.einsum("nk,kcm->ncm", estimates, sent.users)
        measured = (received - taken) / sent.radar
        error = measured - sent.channel
        places = np.tensordot(steering.conj(), error, axes=(0, 0))
        image = np.fft.fft(np.fft.ifft(places, axis=-2) * carriers, axis=-1)
        image = image.reshape(len(self.reflections), carriers * count)
        return np.array([np.mean(np.abs(error) ** 2), *np.mean(np.abs(image) ** 2, axis=-1)])

    def _received(self, generator: Generator) -> tuple[ComplexArray, ComplexArray, _Sent]:
        """Return what the antennas receive in a frame (N, N_c, M_s), the channel estimates, and what was sent."""
        problem, steering = self.problem, self._steering()
        carriers, count = int(problem.subcarriers), int(problem.symbols)
        grid = np.arange(carriers)[:, None], np.arange(count)
        places = generator.choice(carriers * count, len(self.reflections), replace=False)
        delays, shifts = np.divmod(places, count)
        turns = [
            np.exp(2j * np.pi * (shift * grid[1] / count - delay * grid[0] / carriers))
            for delay, shift in zip(delays, shifts, strict=True)
        ]
        power = float(problem.radar_power) * self.sensing
        echoes = np.einsum("nt,tcm->ncm", steering * self.reflections, np.array(turns))
        draw = symbols(problem.users + 1, carriers * count, generator)[0].reshape(-1, carriers, count)
        users = draw[:-1] * np.sqrt(problem.user_power * self.communication)[:, None, None]
        sent = _Sent(users=users, radar=draw[-1], channel=np.sqrt(power) * echoes)
        channels, estimates = drawn_channels(self.channel, self.scene, 1, generator)
        white = np.sqrt(1 + power * float(problem.self_interference))
        received = np.einsum("nk,kcm->ncm", channels[0], users) + sent.channel * sent.radar
        received = received + white * complex_normal(received.shape, generator)
        return received, estimates[0], sent

    def _steering(self) -> ComplexArray:
        """Return the responses to all targets; (N, T)."""
        return np.stack([self.scene.array.steering_vector(one) for one in self.scene.targets], axis=-1)


@attrs.frozen(kw_only=True, eq=False)
class _Sent:
    """Signals of the users (K, N_c, M_s) and symbols of the radar (N_c, M_s), with its channel (N, N_c, M_s)."""

    users: ComplexArray
    radar: ComplexArray
    channel: ComplexArray


def _blocks(sample: Callable[[int], ComplexArray], draws: int) -> ComplexArray:
    """Return the means of samples over blocks of equal size; (blocks, ...)."""
    number = math.ceil(draws / BLOCKS)
    return np.array([sample(number).mean(axis=0) for _ in range(math.ceil(draws / number))])
