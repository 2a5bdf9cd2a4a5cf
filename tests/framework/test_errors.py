"""Errors are one sentence that names the key; validators say what a field must be and what it got."""

from __future__ import annotations

import pickle

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import InputError, Sensing, Target
from isacfw.base import validators
from isacfw.base.errors import short_repr, suggestion


def test_every_error_on_purpose_is_an_isac_error():
    for kind in (InputError, isacfw.PluginError, isacfw.IncompatibleError):
        assert issubclass(kind, isacfw.IsacError)
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize(
    ("key", "prefix", "expected"),
    [
        ("users", "channel", "channel.users"),
        ("[2]", "rates", "rates[2]"),
        ("", "channel", "channel"),
        ("users", "", "users"),
        ("kind", "allocators[1]", "allocators[1].kind"),
    ],
)
def test_an_input_error_is_placed_below_a_prefix(key, prefix, expected):
    error = InputError(key, "must be 1, got 2").within(prefix)
    assert (error.key, str(error)) == (expected, f"{expected} must be 1, got 2")


def test_an_input_error_without_key_is_its_problem_alone():
    assert str(InputError("", "must be given")) == "must be given"


def test_an_input_error_survives_pickling():
    copied = pickle.loads(pickle.dumps(InputError("a.b", "must be 1, got 2")))
    assert (copied.key, str(copied)) == ("a.b", "a.b must be 1, got 2")


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("exct", ["sca", "exact"], "; did you mean 'exact'?"),
        ("zzz", ["sca", "exact"], "; known: exact, sca"),
        ("zzz", [], ""),
        ("array", ["receive_array", "transmit_array"], "; did you mean 'receive_array' or 'transmit_array'?"),
        ("db", ["one_of_db", "two_of_db", "three_of_db"], "; known: one_of_db, three_of_db, two_of_db"),
    ],
)
def test_suggestion(word, known, expected):
    assert suggestion(word, known) == expected


@pytest.mark.parametrize("value", ["x" * 500, "a\nb", list(range(500)), np.ones((30, 30)), np.eye(3)])
def test_a_shown_value_is_short_and_one_line(value):
    text = short_repr(value)
    assert len(text) <= 80
    assert "\n" not in text


@attrs.frozen(kw_only=True)
class _Fields:
    count: int = attrs.field(default=2, validator=validators.integer(at_least=1, at_most=9))
    level: float = attrs.field(
        default=0.5, converter=validators.real, validator=validators.number(above=0, below=1)
    )
    word: str = attrs.field(default="a", validator=validators.text)
    mode: str = attrs.field(default="up", validator=validators.choice("up", "down"))
    gains: tuple[float, ...] = attrs.field(
        default=(1.0,), converter=validators.reals, validator=validators.each(validators.number(above=0))
    )
    limit: float | None = attrs.field(default=None, validator=validators.optional(validators.number()))


@pytest.mark.parametrize(
    ("values", "key", "problem"),
    [
        ({"count": 0}, "count", "must be an integer at least 1, got 0"),
        ({"count": 10}, "count", "must be an integer at most 9, got 10"),
        ({"count": 2.0}, "count", "must be an integer at least 1, got 2.0"),
        ({"count": True}, "count", "must be an integer at least 1, got True"),
        ({"level": 0}, "level", "must be a finite number greater than 0 and less than 1, got 0.0"),
        ({"level": 1}, "level", "must be a finite number greater than 0 and less than 1, got 1.0"),
        ({"level": float("nan")}, "level", "must be a finite number greater than 0 and less than 1, got nan"),
        ({"level": True}, "level", "must be a finite number greater than 0 and less than 1, got True"),
        ({"level": "0.5"}, "level", "must be a finite number greater than 0 and less than 1, got '0.5'"),
        ({"level": 1 + 0j}, "level", "must be a finite number greater than 0 and less than 1, got (1+0j)"),
        ({"word": " "}, "word", "must be a nonempty string, got ' '"),
        ({"word": 1}, "word", "must be a nonempty string, got 1"),
        ({"mode": "left"}, "mode", "must be one of 'up', 'down', got 'left'"),
        ({"mode": []}, "mode", "must be one of 'up', 'down', got []"),
        ({"gains": ()}, "gains", "must be a nonempty list, got ()"),
        ({"gains": 1.0}, "gains", "must be a nonempty list, got 1.0"),
        ({"gains": "12"}, "gains", "must be a nonempty list, got '12'"),
        ({"gains": (1.0, -1.0)}, "gains[1]", "must be a finite number greater than 0, got -1.0"),
        ({"limit": float("inf")}, "limit", "must be a finite number, got inf"),
    ],
)
def test_a_validator_names_field_requirement_and_value(values, key, problem):
    with pytest.raises(InputError) as caught:
        _Fields(**values)
    assert (caught.value.key, caught.value.problem) == (key, problem)


@pytest.mark.parametrize(
    "values",
    [
        {"count": 1},
        {"count": np.int64(9)},
        {"level": np.float32(0.25)},
        {"gains": np.array([1.0, 2.0])},
        {"gains": [1, 2]},
        {"limit": None},
        {"limit": -1e300},
    ],
)
def test_validators_accept_numbers_of_any_library(values):
    _Fields(**values)


def test_numbers_become_plain_floats():
    fields = _Fields(level=np.float64(0.5), gains=np.array([1, 2]))
    assert type(fields.level) is float
    assert [type(gain) for gain in fields.gains] == [float, float]


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Target(azimuth_deg=181, elevation_deg=0), "azimuth_deg"),
        (lambda: Target(azimuth_deg=0, elevation_deg=float("nan")), "elevation_deg"),
        (lambda: Target(azimuth_deg=0, elevation_deg=0, distance_m=-1), "distance_m"),
        (lambda: Target(azimuth_deg=0, elevation_deg=0, reference_distance_m=1), "reference_distance_m"),
        (
            lambda: Target(azimuth_deg=0, elevation_deg=0, reflection_amplitude=1, distance_m=1),
            "reflection_amplitude",
        ),
        (lambda: Sensing(frame_length=0), "frame_length"),
        (lambda: Sensing(crlb_limit_db=-1, azimuth_crlb_limit_db=-1), "azimuth_crlb_limit_db"),
        (lambda: Sensing(crlb_limit_db=-1, elevation_crlb_limit_db=-1), "elevation_crlb_limit_db"),
    ],
)
def test_values_in_python_are_checked_like_those_of_a_file(make, key):
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.key == key


def test_the_amplitude_comes_from_the_distance():
    here = {"azimuth_deg": 0, "elevation_deg": 90}
    assert Target(**here, distance_m=400).amplitude == pytest.approx(1 / 16, rel=1e-15)
    assert Target(**here, distance_m=50, reference_distance_m=25).amplitude == pytest.approx(0.25, rel=1e-15)
    assert Target(**here, reflection_amplitude=0.3).amplitude == 0.3
    assert Target(**here).amplitude == 1 / 16


def test_a_limit_per_angle_may_stand_alone():
    assert Sensing(azimuth_crlb_limit_db=-30).crlb_limit == pytest.approx([1e-3, np.inf])
    assert Sensing(elevation_crlb_limit_db=-20).crlb_limit == pytest.approx([np.inf, 1e-2])
    assert Sensing(crlb_limit_db=-10).crlb_limit == pytest.approx([0.1, 0.1])
    assert np.isinf(Sensing().crlb_limit).all()
