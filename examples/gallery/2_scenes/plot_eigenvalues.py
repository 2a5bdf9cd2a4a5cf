"""
Eigenvalues of correlated channels
==================================

The narrower the scattering, the fewer directions a user's channel has: eigenvalues of its correlation matrix for three
angular spreads.
"""

import numpy as np
from matplotlib.figure import Figure

import isacfw

SPREADS_DEG = (2, 8, 30)

figure = Figure(figsize=(7.16, 3.2), layout="constrained")
axes = figure.subplots()
for spread in SPREADS_DEG:
    user = f'{{ kind = "correlated", azimuths_deg = [20], distances_m = [300], spread_deg = {spread} }}'
    statistics = isacfw.load_scenario("nguyen2025", overrides=[f"channel = {user}"]).scenario.statistics()
    values = np.linalg.eigvalsh(statistics.covariances[0, 0])[::-1]
    axes.plot(10 * np.log10(np.maximum(values, 1e-8 * values[0]) / values.mean()), label=f"{spread}°")
axes.set(xlabel="Number of the eigenvalue, from 0", ylabel="Eigenvalue over their mean [dB]", xlim=(0, 60))
axes.legend(title="Angular spread")
figure
