% MATLAB or GNU Octave: covariances of four users seen through local scattering, as a file for the channel `file`.
%
% Run `octave-cli from_matlab.m`, or `matlab -batch "run from_matlab.m"`; docs/channels/matlab.md says more.

horizontal = 8; vertical = 2;
azimuth = [-40, -10, 15, 45] * pi / 180;
beta = [1, 0.5, 0.8, 0.3];     % relative to the noise
spread = 8 * pi / 180;         % standard deviation of a Gaussian azimuth spectrum

% Positions in half wavelengths along the horizontal, the vertical and the normal axis, the vertical running fastest.
[row, column] = ndgrid(0:vertical - 1, 0:horizontal - 1);
positions = [column(:), row(:), zeros(horizontal * vertical, 1)];
positions_unit = 'half_wavelengths';

% Scattering in the horizontal plane, elevation 90 degrees: the spectrum is a sum over many directions.
deviation = linspace(-8 * spread, 8 * spread, 2001);
weight = exp(-deviation .^ 2 / (2 * spread ^ 2));
weight = weight / sum(weight);

users = numel(azimuth); antennas = size(positions, 1);
covariance = zeros(users, antennas, antennas);
for k = 1:users
    theta = azimuth(k) + deviation;
    waves = exp(1j * pi * positions * [sin(theta); zeros(size(theta)); cos(theta)]);
    covariance(k, :, :) = beta(k) * (waves .* weight) * waves';    % R = E h h^H
end

save('-v7', 'matlab.mat', 'covariance', 'positions', 'positions_unit');
