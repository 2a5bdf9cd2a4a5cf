"""A scenario composed in Python: how much sum rate a tighter CRLB limit costs."""

import isacfw
from isacfw_plugins.allocators.equal_com import EqualCom
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

scenario = isacfw.Scenario(
    name="composed",
    seed=7,
    drops=10,
    snr_db=20,
    transmit_array=UPA(horizontal=12, vertical=8),
    receive_array=UPA(horizontal=5, vertical=5),
    target=isacfw.Target(azimuth_deg=20, elevation_deg=60, distance_m=300),
    sensing=isacfw.Sensing(crlb_limit_db=-50),
    channel=Rayleigh(users=8),
    precoders=[MRT(), ZF()],
    allocators=[Exact(), SCA(surrogate="logarithmic"), EqualCom()],
    sweep={"sensing.crlb_limit_db": [-56, -52, -48]},
)

comparison = isacfw.compare(scenario)
print(comparison)
print("As a file:", isacfw.to_toml(scenario), sep="\n\n")
