"""Template of a beamformer."""

from __future__ import annotations

BEAMFORMER = (
    "a beamformer, given by the beams that it returns for a channel",
    "isacfw beamform --plugin {name}.py --beamformers crb_beams,{name} --sinr-db 5,15 --draws 5",
    "",
    '''    """Zero forcing with half of the spare power, and the other half where no user receives it.

    Notes
    -----
    w_k is a multiple of column k of H (H^H H)^-1, of at least the SINR that is asked for. The rest goes to what
    point targets see less what the channels span, or evenly to all directions that these do not span.
    """

    name = "{name}"

    def solve(self, problem):
        """Return the beams for one channel, (N, K); beams that miss a target make the row infeasible."""
        inverse = np.linalg.pinv(problem.channels).conj().T
        users = inverse * np.sqrt(np.maximum(problem.sinr, 1e-3))
        spare = problem.power - np.linalg.norm(users) ** 2
        if spare <= 0:
            message = "zero forcing needs more power"
            return isacfw.Beams.none(problem, isacfw.Status.INFEASIBLE, message)
        users *= np.sqrt(1 + spare / 2 / np.linalg.norm(users) ** 2)
        seen = problem.sensed.directions()
        if seen is None:
            return isacfw.Beams(weights=users, rest=spare / 2)
        aims = seen / np.linalg.norm(seen, axis=0)
        aims = aims - inverse @ (problem.channels.conj().T @ aims)
        return isacfw.Beams(weights=users, sensing=aims * np.sqrt(spare / 2) / np.linalg.norm(aims))
''',
)
