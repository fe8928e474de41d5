"""What stands in for MLflow and Airflow in other tests answers to the same calls as the real one."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

import fake_airflow
import test_comparison
import test_promotion
import test_reporting
import test_resolution
import test_rollback
from sentiment.stores.registry.handle import RunHandle
from sentiment.stores.registry.versions import Registry
from sentiment_local.airflow_api import AirflowApi

# Beside the real one, and what a fake has of its own for the tests to set it up.
FAKES = [
    (test_comparison.FakeRegistry, Registry, {"cross_validated"}),
    (test_comparison.FakeHandle, RunHandle, set()),
    (test_promotion.FakeRegistry, Registry, {"keeps"}),
    (test_reporting.FakeRegistry, Registry, set()),
    (test_resolution.FakeRegistry, Registry, set()),
    (test_rollback.FakeRegistry, Registry, set()),
    (fake_airflow.FakeAirflow, AirflowApi, set()),
]


def methods(of: type) -> dict[str, Callable[..., object]]:
    return {name: each for name, each in inspect.getmembers(of, inspect.isfunction) if not name.startswith("_")}


def parameters(function: Callable[..., object]) -> list[tuple[str, bool]]:
    """Return the names of what a call gives, and whether it may be left out."""
    given = list(inspect.signature(function).parameters.values())[1:]
    return [(each.name, each.default is not inspect.Parameter.empty) for each in given]


@pytest.mark.parametrize(("fake", "real", "own"), FAKES, ids=lambda each: getattr(each, "__module__", ""))
def test_a_fake_has_the_methods_of_what_it_stands_for_with_the_same_parameters(fake, real, own):
    held, offered = methods(fake), methods(real)
    assert held.keys() - own <= offered.keys()
    assert len(held.keys() & offered.keys()) > 0
    for name in held.keys() & offered.keys():
        assert parameters(held[name]) == parameters(offered[name]), name
