"""The plugin host: where plugins come from, what they may offer, and what happens to those that are broken."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import itertools
import re
import sys
import textwrap
import types
import warnings

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import Execution, InputError, PluginError, PluginHost, Shares, compare, load_scenario
from isacfw.config.structure import structure
from isacfw.config.toml import to_toml
from isacfw.host import hookspecs
from isacfw.host.host import default_host
from isacfw.host.kinds import BUILT_INS, KINDS

ALLOCATOR = '''
import attrs
import numpy as np
import isacfw


@attrs.frozen(kw_only=True)
class Fair(isacfw.Allocator):
    """All power to communication, equal shares."""

    name = "{name}"
    bias: float = 0.0

    def solve(self, problem):
        x = np.full(problem.users, (1 - self.bias) / problem.users)
        return isacfw.Shares(communication=x, sensing=np.asarray(self.bias))


@isacfw.hookimpl
def register_allocators():
    return [Fair]
'''


@pytest.fixture
def plugin_file(tmp_path):
    """Return a function that writes a plugin file: an allocator's name, or the source."""

    def write(source: str = "fair", name: str = "extra.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        text = ALLOCATOR.format(name=source) if source.isidentifier() else textwrap.dedent(source)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def installed(monkeypatch):
    """Return a function that makes entry points look as if distributions had been installed."""

    def install(*entries: tuple[str, str, object]) -> None:
        def entry(provider, version, load):
            return types.SimpleNamespace(
                name=f"{provider}-entry",
                value=f"{provider.replace('-', '_')}.plugin",
                module=f"{provider.replace('-', '_')}.plugin",
                dist=types.SimpleNamespace(name=provider, version=version),
                load=load if callable(load) else lambda: load,
            )

        found = [entry(*item) for item in entries]
        monkeypatch.setattr(
            importlib.metadata, "entry_points", lambda *, group: found if group == "isacfw" else ()
        )
        default_host.cache_clear()

    yield install
    default_host.cache_clear()


counter = itertools.count()


def allocator(name="fair", solve=None, **members):
    """Return an allocator class; without `solve` it gives all power to communication in equal shares."""

    def equal(self, problem):
        return Shares(communication=np.full(problem.users, 1 / problem.users), sensing=np.asarray(0.0))

    body = {"__doc__": "A part of the tests.", "name": name, "solve": solve or equal, **members}
    return attrs.frozen(kw_only=True)(type("Part", (isacfw.Allocator,), body))


def plugin(*classes, module=None, **hooks):
    """Return a module that offers allocators, or has the given hooks."""
    made = types.ModuleType(module or f"made_{next(counter)}")
    if classes:
        hooks["register_allocators"] = lambda: list(classes)
    for name, hook in hooks.items():
        setattr(made, name, isacfw.hookimpl(hook))
    return made


def names(host, kind="allocator"):
    return [part.qualified_name for part in host.parts(kind)]


def test_the_built_in_parts():
    host = PluginHost(discover=False)
    expected = {
        "array": {"upa", "ula", "circular"},
        "channel": {"rayleigh", "correlated", "rician", "tr38901", "file"},
        "precoder": {"mrt", "zf", "rzf", "osic"},
        "beam": {"steered", "difference", "projected", "rzf", "joined", "designed"},
        "objective": {
            "sum_rate",
            "alpha_fair",
            "proportional_fair",
            "max_min",
            "sinr_product",
            "least_power",
            "least_crlb",
        },
        "requirement": {"crlb", "sum_crlb", "user_rate", "detection", "masr", "image_sinr", "radar_nmse"},
        "metric": {
            "sum_rate",
            "user_rates",
            "crlb",
            "powers",
            "rate_distribution",
            "crlb_distribution",
            "data_rate",
            "position_error",
            "detection",
            "masr",
            "image_sinr",
            "radar_nmse",
        },
        "allocator": {"exact", "conic", "sca", "ipopt", "uno", "scip", "equal_com", "equal_cs"},
    }
    assert {kind: {part.name for part in host.parts(kind)} for kind in expected} == expected
    assert {(part.provider, part.version) for part in host.parts()} == {
        ("isacfw", importlib.metadata.version("isacfw"))
    }
    assert "nguyen2025" in host.scenarios
    assert host.scenario_provider("nguyen2025") == "isacfw"
    assert host.problems == []
    assert len(BUILT_INS) == len(set(BUILT_INS))


def test_every_part_is_an_attrs_class_with_a_summary():
    for part in PluginHost(discover=False).parts():
        assert issubclass(part.cls, KINDS[part.kind])
        assert attrs.has(part.cls)
        assert 10 < len(part.cls.summary()) < 100
        assert part.qualified_name == f"isacfw:{part.name}"


def test_a_part_is_found_by_name_and_by_qualified_name():
    host = PluginHost(discover=False)
    assert host.find("allocator", "exact") is host.find("allocator", "isacfw:exact")
    with pytest.raises(InputError, match="must name a known allocator, got 'exat'; did you mean 'exact'"):
        host.find("allocator", "exat")
    with pytest.raises(InputError, match="must name a known precoder, got 'exact'; known: mrt, osic, rzf, zf"):
        host.find("precoder", "exact")


def test_a_single_file(plugin_file):
    path = plugin_file()
    host = PluginHost([str(path)], discover=False)
    part = host.find("allocator", "fair")
    assert (part.provider, part.version) == ("extra", "")
    assert part is host.find("allocator", "extra:fair")
    assert part.cls.summary() == "All power to communication, equal shares."


def test_a_relative_path_is_relative_to_the_base(plugin_file, tmp_path, monkeypatch):
    plugin_file()
    assert "extra:fair" in names(PluginHost(["extra.py"], base=tmp_path, discover=False))
    with pytest.raises(PluginError, match="must be a Python file"):
        PluginHost(["extra.py"], base=tmp_path / "elsewhere", discover=False)
    monkeypatch.chdir(tmp_path)
    assert "extra:fair" in names(PluginHost(["extra.py"], discover=False))


def test_a_path_object(plugin_file):
    assert "extra:fair" in names(PluginHost([plugin_file()], discover=False))


def test_a_module_by_its_name(plugin_file, tmp_path, monkeypatch):
    module = f"module_{next(counter)}"
    plugin_file("fair", f"{module}.py").write_text("__version__ = '1.5'" + ALLOCATOR.format(name="fair"))
    monkeypatch.syspath_prepend(tmp_path)
    part = PluginHost([module], discover=False).find("allocator", "fair")
    assert (part.provider, part.version) == (module, "1.5")


def test_an_object_with_hooks():
    host = PluginHost([plugin(allocator())], discover=False)
    assert host.find("allocator", "fair").cls.name == "fair"


def test_an_installed_distribution(installed):
    installed(("some-dist", "3.2", plugin(allocator())))
    part = PluginHost().find("allocator", "fair")
    assert (part.provider, part.version, part.qualified_name) == ("some-dist", "3.2", "some-dist:fair")
    assert "some-dist:fair" not in names(PluginHost(discover=False))


def test_the_same_plugin_twice_counts_once(installed, plugin_file):
    path = plugin_file()
    assert names(PluginHost([path, str(path)], discover=False)).count("extra:fair") == 1
    module = plugin(allocator())
    installed(("dist", "1", module))
    assert sum(name.endswith(":fair") for name in names(PluginHost([module]))) == 1


def test_a_name_of_two_providers_is_refused_only_when_used(installed, variant, tmp_path):
    installed(("first", "1", plugin(allocator("exact"))), ("second", "1", plugin(allocator("both"), allocator())))
    host = PluginHost([plugin(allocator("both"), module="third")])
    structure(variant({"allocators": ["equal_com", "fair"]}), host)
    with pytest.raises(InputError) as caught:
        structure(variant({"allocators": ["equal_com", "both"]}), host)
    assert caught.value.key == "allocators[1]"
    assert "'second:both' or 'third:both'" in caught.value.problem
    with pytest.raises(InputError, match=r"^allocators\[0\]\.kind .*'isacfw:exact' or 'first:exact'"):
        structure(variant({"allocators": [{"kind": "exact"}]}), host)
    scenario = structure(variant({"allocators": ["isacfw:exact", "third:both"]}), host)
    assert [host.name_of(part) for part in scenario.allocators] == ["isacfw:exact", "third:both"]
    assert 'allocators = [\n    "isacfw:exact",\n    "third:both",\n]' in to_toml(scenario, host)
    with pytest.raises(InputError, match=r"^allocators .*'isacfw:exact' or 'first:exact'"):
        compare(
            structure(variant({"allocators": ["fair"]}), host),
            allocators=["exact"],
            execution=Execution(host=host),
        )


def test_another_distribution_cannot_pass_for_the_built_in_parts(installed, variant):
    installed(("imposter", "1", plugin(allocator("exact"))))
    host = PluginHost()
    other = {"kind": "imposter:exact", "label": "other"}
    rows = compare(
        structure(variant({"allocators": ["isacfw:exact", other]}), host), execution=Execution(host=host)
    ).records()
    assert {row["status"] for row in rows if row["allocator"] == "exact"} == {"optimal"}
    assert {row["status"] for row in rows if row["allocator"] == "other"}.isdisjoint({"optimal", "failed"})


def _raising(error):
    def load():
        raise error

    return load


BROKEN = {
    "raises on import": (_raising(RuntimeError("went\nwrong")), "RuntimeError: went wrong"),
    "lacks a dependency": (_raising(ModuleNotFoundError("No module named 'fancy'")), "No module named 'fancy'"),
    "has a syntax error": (_raising(SyntaxError("invalid syntax")), "SyntaxError"),
    "ends the process": (_raising(SystemExit(0)), "SystemExit"),
    "has no hook": (types.ModuleType("empty"), "implements no hook"),
    "has a misspelt hook": (plugin(register_allocator=lambda: None), "did you mean 'register_allocators'"),
    "raises at register": (plugin(register_metrics=lambda: 1 / 0), "register_metrics .* ZeroDivisionError"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_installed_plugin_is_a_line_and_the_host_goes_on(case, installed, variant):
    load, words = BROKEN[case]
    installed(("broken-dist", "1", load), ("good", "1", plugin(allocator())))
    host = PluginHost()
    assert len(host.problems) == 1
    assert "broken-dist" in host.problems[0]
    assert "\n" not in host.problems[0]
    assert re.search(words, host.problems[0])
    assert "good:fair" in names(host)
    assert not any(part.provider == "broken-dist" for part in host.parts())
    assert not compare(
        structure(variant(), host), allocators=["exact", "fair"], execution=Execution(host=host)
    ).failed


def test_a_plugin_that_offers_a_bad_part_gives_none(installed):
    half = plugin(allocator(), register_metrics=lambda: [int])
    installed(("half", "1", half))
    host = PluginHost()
    assert len(host.problems) == 1
    assert "half:fair" not in names(host)


SOURCES = {
    "raise RuntimeError('went\\nwrong')": r"extra\.py raised RuntimeError \(line 1\): went wrong",
    "import isacfw\n\n\n1 / 0": r"extra\.py raised ZeroDivisionError \(line 4\)",
    "def f(:\n    pass": r"extra\.py raised SyntaxError.*line 1",
    "import no_such_module": r"extra\.py raised ModuleNotFoundError.*no_such_module",
    "raise SystemExit(0)": r"extra\.py raised SystemExit",
    "x = 1": r"extra\.py implements no hook",
    """
    import isacfw

    @isacfw.hookimpl
    def register_alocators():
        return []
    """: r"extra\.py implements unknown hook 'register_alocators'; did you mean 'register_allocators'",
    """
    import isacfw

    @isacfw.hookimpl
    def register_allocators(colour):
        return []
    """: r"extra\.py .*colour",
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_broken_file_that_was_asked_for_is_an_error(source, plugin_file, variant):
    path = plugin_file(source)
    with pytest.raises(PluginError, match=SOURCES[source]) as caught:
        PluginHost([path], discover=False)
    assert "\n" not in str(caught.value)
    with pytest.raises(PluginError, match=SOURCES[source]):
        load_scenario(variant({"plugins": [str(path)]}))


@pytest.mark.parametrize(
    "asked", ["absent.py", "no_such_module", "", ".", "..", ".relative", "a\nb", "\0.py", "os"]
)
def test_a_plugin_that_is_none(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PluginError) as caught:
        PluginHost([asked], discover=False)
    assert "\n" not in str(caught.value)


def test_a_broken_plugin_asked_for_by_name_is_an_error_although_it_was_discovered(
    installed, plugin_file, tmp_path, monkeypatch
):
    module = f"module_{next(counter)}"
    plugin_file("raise RuntimeError('broken')", f"{module}.py")
    monkeypatch.syspath_prepend(tmp_path)
    installed((module, "1", lambda: importlib.import_module(module)))
    assert len(PluginHost().problems) == 1
    with pytest.raises(PluginError, match="RuntimeError: broken"):
        PluginHost([module])


class _Plain(isacfw.Allocator):
    """Not attrs."""

    name = "plain"

    def solve(self, problem):
        return None


_Abstract = attrs.frozen(kw_only=True)(type("Abstract", (isacfw.Allocator,), {"name": "abstract"}))


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ({"register_allocators": lambda: None}, "register_allocators .* must return a list of classes, got None"),
        ({"register_allocators": lambda: allocator()}, "register_allocators .* must return a list of classes"),
        ({"register_allocators": lambda: "exact"}, "register_allocators .* must return a list of classes"),
        ({"register_arrays": lambda: {"a": 1}}, "register_arrays .* must return a list of classes"),
        ({"register_allocators": lambda: ["exact"]}, r"subclasses of isacfw\.Allocator, got 'exact'"),
        ({"register_allocators": lambda: [allocator()()]}, r"subclasses of isacfw\.Allocator, got Part"),
        ({"register_precoders": lambda: [allocator()]}, r"subclasses of isacfw\.Precoder, got <class"),
        ({"register_allocators": lambda: [int]}, r"subclasses of isacfw\.Allocator, got <class 'int'>"),
        ({"register_allocators": lambda: [_Abstract]}, "complete classes, got Abstract without solve"),
        ({"register_allocators": lambda: [isacfw.Allocator]}, "complete classes, got Allocator without solve"),
        ({"register_allocators": lambda: [_Plain]}, "attrs classes, got _Plain"),
        ({"register_allocators": lambda: [allocator("")]}, "with a name"),
        ({"register_allocators": lambda: [allocator("a b")]}, "without spaces and colons"),
        ({"register_allocators": lambda: [allocator("a:b")]}, "without spaces and colons"),
        ({"register_allocators": lambda: [allocator(None)]}, "with a name"),
        ({"register_allocators": lambda: [allocator(), allocator()]}, "offers allocator 'fair' twice"),
        ({"register_scenarios": lambda: ["a"]}, "register_scenarios .* must return a mapping"),
        ({"register_scenarios": lambda: {"nguyen2025": {}}}, "'nguyen2025', which exists already"),
        ({"register_scenarios": lambda: {"mine": 5}}, "register_scenarios .*5"),
        ({"register_scenarios": lambda: {3: {}}}, "register_scenarios .*3"),
    ],
)
def test_a_plugin_that_breaks_its_contract(hooks, words):
    with pytest.raises(PluginError, match=words) as caught:
        PluginHost([plugin(**hooks)], discover=False)
    assert "\n" not in str(caught.value)


def test_all_kinds_of_collections_of_classes_are_fine():
    for collection in (list, tuple, set, frozenset):
        part = allocator()
        host = PluginHost([plugin(register_allocators=lambda c=collection, p=part: c([p]))], discover=False)
        assert host.find("allocator", "fair").cls is part


def test_two_hosts_know_nothing_of_each_other(plugin_file, variant):
    path = plugin_file()
    first, second = PluginHost([path], discover=False), PluginHost(discover=False)
    assert "extra:fair" in names(first)
    assert "extra:fair" not in names(second)
    assert "extra:fair" not in names(default_host())
    with pytest.raises(InputError):
        structure(variant({"allocators": ["fair"]}), second)
    assert names(PluginHost([path], discover=False)) == names(first)


def test_two_files_of_one_name_do_not_mix(plugin_file):
    one, two = plugin_file("one", "a/extra.py"), plugin_file("two", "b/extra.py")
    assert "extra:one" in names(PluginHost([one], discover=False))
    assert "extra:two" in names(PluginHost([two], discover=False))
    assert {"extra:one", "extra:two"} <= set(names(PluginHost([one, two], discover=False)))


def test_a_file_that_was_mended_or_changed_is_read_again(plugin_file):
    path = plugin_file("raise RuntimeError")
    with pytest.raises(PluginError):
        PluginHost([path], discover=False)
    for name in ("fair", "fairer"):
        plugin_file(name)
        assert f"extra:{name}" in names(PluginHost([path], discover=False))


def test_a_scenario_names_its_plugins_relative_to_its_file(scenario_file, plugin_file, tmp_path, monkeypatch):
    plugin_file("fair", "parts/extra.py")
    path = scenario_file({"plugins": ["parts/extra.py"], "allocators": ["exact", {"kind": "fair", "bias": 0.25}]})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    loaded = load_scenario(path)
    assert loaded.scenario.allocators[1].bias == 0.25
    assert loaded.scenario.plugins == ("parts/extra.py",)
    assert {row["allocator"] for row in compare(path).records()} == {"exact", "fair"}
    with pytest.raises(PluginError, match="must be a Python file"):
        load_scenario(path, plugins=["parts/extra.py"])
    monkeypatch.chdir(tmp_path)
    load_scenario(path, plugins=["parts/extra.py"])


def test_plugins_in_python_may_be_paths_but_no_bare_string(plugin_file, variant):
    path = plugin_file()
    assert load_scenario(variant({"allocators": ["fair"]}), plugins=[path]).scenario.allocators[0].bias == 0
    with pytest.raises(InputError, match=r"^plugins must be a list"):
        load_scenario(variant(), plugins=str(path))


def test_options_of_a_plugin_s_part_are_checked_like_any_other(plugin_file, variant):
    with pytest.raises(InputError, match=r"^allocators\[0\]\.biass is not a known key; did you mean 'bias'"):
        load_scenario(variant({"allocators": [{"kind": "fair", "biass": 1}]}), plugins=[str(plugin_file())])
    with pytest.raises(InputError, match=r"^allocators\[0\]\.bias must be a number, got 'x'"):
        load_scenario(variant({"allocators": [{"kind": "fair", "bias": "x"}]}), plugins=[str(plugin_file())])


def test_a_part_that_raises_on_its_options_names_the_key(variant, host_with):
    def refuse(instance, attribute, value):
        raise ValueError("not\ntoday")

    part = attrs.frozen(kw_only=True)(
        type(
            "Picky",
            (isacfw.Allocator,),
            {
                "__annotations__": {"level": float},
                "level": attrs.field(default=1.0, validator=refuse),
                "name": "picky",
                "solve": lambda *_: None,
            },
        )
    )
    host = host_with(register_allocators=lambda: [part])
    with pytest.raises(InputError) as caught:
        structure(variant({"allocators": [{"kind": "picky", "level": 2.0}]}), host)
    assert caught.value.key.startswith("allocators[0]")
    assert "not today" in str(caught.value)


def test_named_scenarios_from_a_mapping_and_a_file(scenario_file, variant, plugin_file):
    path = scenario_file({"name": "from-file"})
    source = f"""
    import pathlib
    import isacfw

    @isacfw.hookimpl
    def register_scenarios():
        return {{"mapped": {variant({"name": "from-mapping"})!r}, "filed": pathlib.Path({str(path)!r})}}
    """
    extra = str(plugin_file(source))
    assert load_scenario("mapped", plugins=[extra]).scenario.name == "from-mapping"
    assert load_scenario("filed", plugins=[extra]).scenario.name == "from-file"
    with pytest.raises(InputError, match="did you mean 'mapped'"):
        load_scenario("maped", plugins=[extra])
    with pytest.raises(InputError, match="scenario must be a file or the name"):
        load_scenario("mapped")
    host = PluginHost([extra], discover=False)
    assert host.scenario_provider("mapped") == "extra"
    assert host.scenario_summary("filed") == "scenario.toml"


def test_a_file_comes_before_a_name(scenario_file, tmp_path, monkeypatch):
    scenario_file({"name": "mine"}, "nguyen2025")
    monkeypatch.chdir(tmp_path)
    assert load_scenario("nguyen2025").scenario.name == "mine"


def test_observers_see_every_allocation(variant):
    seen = []

    def allocation_started(allocator, problem):
        seen.append(("started", allocator.title, problem.batch_shape))

    def allocation_finished(allocator, problem, allocation):
        seen.append(("finished", allocator.title, problem.batch_shape))
        assert allocation.sum_rate.shape == problem.batch_shape
        assert set(allocation.status.flat) <= set(isacfw.Status)

    hooks = plugin(allocation_started=allocation_started, allocation_finished=allocation_finished)
    host = PluginHost([hooks], discover=False)
    compare(structure(variant({"sweep": {"snr_db": [0, 5, 10]}}), host), execution=Execution(host=host))
    runs = [(word, title, (3, 2)) for title in ("exact", "equal_com") for word in ("started", "finished")]
    assert seen == runs * 2


def test_an_observer_may_take_fewer_arguments(variant):
    seen = []
    host = PluginHost([plugin(allocation_finished=lambda allocation: seen.append(allocation))], discover=False)
    compare(structure(variant(), host), precoders=["mrt"], allocators=["exact"], execution=Execution(host=host))
    assert [type(item) for item in seen] == [isacfw.Allocation]


@pytest.mark.parametrize("hook", ["allocation_started", "allocation_finished"])
def test_an_observer_that_raises_is_a_warning_and_no_result_is_lost(hook, variant):
    def watch(problem):
        raise RuntimeError("two\nlines")

    host = PluginHost([plugin(**{hook: watch}, module="watcher")], discover=False)
    scenario = structure(variant(), host)
    with pytest.warns(RuntimeWarning, match=f"{hook} of plugin watcher raised RuntimeError: two lines"):
        rows = compare(scenario, execution=Execution(host=host)).records()
    plain = compare(scenario, execution=Execution(host=PluginHost(discover=False))).records()
    assert [row["sum_rate"] for row in rows] == [row["sum_rate"] for row in plain]


def test_observers_are_told_nothing_of_parts_that_cannot_work(variant):
    seen = []
    lacking = allocator(unavailable=classmethod(lambda _cls: "needs fancy: python -m pip install fancy"))
    hooks = plugin(lacking, allocation_started=lambda allocator: seen.append(allocator.title))
    host = PluginHost([hooks], discover=False)
    compare(structure(variant({"allocators": ["fair", "exact"]}), host), execution=Execution(host=host))
    assert set(seen) == {"exact"}


REASON = "needs fancy: python -m pip install fancy"


def _lacking(base, **members):
    body = {"__doc__": "Lacks something.", "name": "lacking", "unavailable": classmethod(lambda _cls: REASON)}
    return attrs.frozen(kw_only=True)(type("Lacking", (base,), {**body, **members}))


def _absent(*_arguments):
    import fancy_module_that_is_absent  # noqa: F401


@pytest.mark.parametrize(
    ("hook", "part", "changes", "key"),
    [
        (
            "register_allocators",
            _lacking(isacfw.Allocator, solve=_absent),
            {"allocators": ["lacking", "exact"]},
            "allocator",
        ),
        (
            "register_precoders",
            _lacking(isacfw.Precoder, weights=_absent, link_statistics=_absent),
            {"precoders": ["lacking", "mrt"]},
            "precoder",
        ),
    ],
)
def test_a_part_without_its_dependency_gives_skipped_rows_that_say_what_to_install(
    hook, part, changes, key, variant
):
    host = PluginHost([plugin(**{hook: lambda: [part]})], discover=False)
    comparison = compare(structure(variant(changes), host), execution=Execution(host=host))
    rows = comparison.records()
    lacking = {(row["status"], row["message"]) for row in rows if row[key] == "lacking"}
    assert lacking == {("skipped", REASON)}
    others = [row for row in rows if row[key] != "lacking"]
    assert {row["status"] for row in others if row["allocator"] == "exact"} == {"optimal"}
    assert not comparison.failed


@pytest.mark.parametrize(
    ("hook", "part", "changes"),
    [
        ("register_arrays", _lacking(isacfw.Array, positions=_absent), {"transmit_array": "lacking"}),
        ("register_arrays", _lacking(isacfw.Array, positions=_absent), {"receive_array": "lacking"}),
        (
            "register_channels",
            _lacking(isacfw.Channel, statistics=_absent, draw=_absent),
            {"channel": "lacking"},
        ),
        ("register_metrics", _lacking(isacfw.Metric, evaluate=_absent), {"metrics": ["lacking"]}),
    ],
)
def test_any_other_part_without_its_dependency_says_what_to_install(hook, part, changes, variant):
    host = PluginHost([plugin(**{hook: lambda: [part]})], discover=False)
    said = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            rows = compare(structure(variant(changes), host), execution=Execution(host=host)).records()
            said = [row["message"] for row in rows]
        except isacfw.IsacError as error:
            said = [str(error)]
    assert any(REASON in line for line in [*said, *(str(warning.message) for warning in caught)])


def test_an_availability_probe_that_raises_costs_its_own_part_only(variant):
    part = allocator(unavailable=classmethod(lambda _cls: 1 / 0))
    host = PluginHost([plugin(part)], discover=False)
    rows = compare(
        structure(variant({"allocators": ["fair", "exact"]}), host), execution=Execution(host=host)
    ).records()
    assert {row["status"] for row in rows if row["allocator"] == "exact"} == {"optimal"}
    assert {row["status"] for row in rows if row["allocator"] == "fair"} <= {"skipped", "failed"}


def test_every_hook_is_used_in_these_tests_or_by_a_built_in_part():
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, "isacfw_spec")]
    sources = [inspect.getsource(sys.modules[name]) for name in (__name__, *BUILT_INS)]
    assert len(hooks) >= 8
    for hook in hooks:
        assert any(hook in source for source in sources), hook


def test_making_a_host_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PluginHost()
