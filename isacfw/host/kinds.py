"""The kinds of parts, and the modules of the built-in ones."""

from __future__ import annotations

import attrs

from ..allocation.allocator import Allocator
from ..allocation.metric import Metric
from ..allocation.objective import Objective
from ..allocation.requirement import Requirement
from ..base.part import Part
from ..beamforming.beamformer import Beamformer
from ..scenario.figure import Figure
from ..sensing.beam import Beam
from ..signal.array import Array
from ..signal.channel import Channel
from ..signal.precoder import Precoder

KINDS: dict[str, type[Part]] = {
    "array": Array,
    "channel": Channel,
    "precoder": Precoder,
    "beam": Beam,
    "objective": Objective,
    "requirement": Requirement,
    "metric": Metric,
    "allocator": Allocator,
    "beamformer": Beamformer,
    "figure": Figure,
}


BUILT_INS = (
    "isacfw_plugins.arrays.upa",
    "isacfw_plugins.arrays.ula",
    "isacfw_plugins.arrays.circular",
    "isacfw_plugins.channels.rayleigh",
    "isacfw_plugins.channels.correlated",
    "isacfw_plugins.channels.rician",
    "isacfw_plugins.channels.tr38901",
    "isacfw_plugins.channels.file",
    "isacfw_plugins.precoders.mrt",
    "isacfw_plugins.precoders.zf",
    "isacfw_plugins.precoders.rzf",
    "isacfw_plugins.precoders.osic",
    "isacfw_plugins.beams.steered",
    "isacfw_plugins.beams.difference",
    "isacfw_plugins.beams.projected",
    "isacfw_plugins.beams.rzf",
    "isacfw_plugins.beams.joined",
    "isacfw_plugins.beams.designed",
    "isacfw_plugins.objectives.sum_rate",
    "isacfw_plugins.objectives.alpha_fair",
    "isacfw_plugins.objectives.proportional_fair",
    "isacfw_plugins.objectives.max_min",
    "isacfw_plugins.objectives.sinr_product",
    "isacfw_plugins.objectives.least_power",
    "isacfw_plugins.objectives.least_crlb",
    "isacfw_plugins.requirements.crlb",
    "isacfw_plugins.requirements.sum_crlb",
    "isacfw_plugins.requirements.user_rate",
    "isacfw_plugins.requirements.detection",
    "isacfw_plugins.requirements.masr",
    "isacfw_plugins.requirements.image_sinr",
    "isacfw_plugins.requirements.radar_nmse",
    "isacfw_plugins.metrics.sum_rate",
    "isacfw_plugins.metrics.user_rates",
    "isacfw_plugins.metrics.crlb",
    "isacfw_plugins.metrics.powers",
    "isacfw_plugins.metrics.data_rate",
    "isacfw_plugins.metrics.position_error",
    "isacfw_plugins.metrics.rate_distribution",
    "isacfw_plugins.metrics.crlb_distribution",
    "isacfw_plugins.metrics.detection",
    "isacfw_plugins.metrics.masr",
    "isacfw_plugins.metrics.image_sinr",
    "isacfw_plugins.metrics.radar_nmse",
    "isacfw_plugins.allocators.exact",
    "isacfw_plugins.allocators.conic",
    "isacfw_plugins.allocators.sca",
    "isacfw_plugins.allocators.ipopt",
    "isacfw_plugins.allocators.uno",
    "isacfw_plugins.allocators.scip",
    "isacfw_plugins.allocators.equal_com",
    "isacfw_plugins.allocators.equal_cs",
    "isacfw_plugins.beamformers.crb_beams",
    "isacfw_plugins.beamformers.crb_sdr",
    "isacfw_plugins.beamformers.fixed_beams",
    "isacfw_plugins.scenarios.nguyen2025",
    "isacfw_plugins.scenarios.buzzi2019",
    "isacfw_plugins.scenarios.liao2024",
    "isacfw_plugins.scenarios.liu2022",
    "isacfw_plugins.scenarios.topal2024",
    "isacfw_plugins.scenarios.regimes",
    "isacfw_plugins.scenarios.temiz2022",
    "isacfw_plugins.figures.liu2022",
    "isacfw_plugins.figures.topal2024",
    "isacfw_plugins.figures.regimes",
    "isacfw_plugins.figures.nguyen2025_fig2",
    "isacfw_plugins.figures.nguyen2025_fig3",
    "isacfw_plugins.figures.nguyen2025_fig4",
    "isacfw_plugins.figures.nguyen2025_fig5",
    "isacfw_plugins.figures.nguyen2025_fig6",
    "isacfw_plugins.figures.nguyen2025_fig7",
    "isacfw_plugins.figures.nguyen2025_fig8",
    "isacfw_plugins.figures.pareto",
    "isacfw_plugins.figures.buzzi2019",
    "isacfw_plugins.figures.liao2024",
    "isacfw_plugins.figures.temiz2022",
)


@attrs.frozen(kw_only=True)
class PartInfo:
    """A part registered with the host.

    Parameters
    ----------
    kind : str
        Which contract it fulfils: a key of `KINDS`.
    name : str
        Its name.
    cls : type
        Its class.
    provider, version : str
        Distribution, module or file that provides it, and its version (empty for a file).
    """

    kind: str
    name: str
    cls: type[Part]
    provider: str
    version: str

    @property
    def qualified_name(self) -> str:
        """``provider:name``, which is unique among the parts of a kind."""
        return f"{self.provider}:{self.name}"
