"""What scoring would take at sizes that nobody measured, from runs that somebody did."""

import json

import pytest

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.scoring.job import partitions_of
from sentiment.stores.lake.files import DataFile
from sentiment_benchmarks import scale
from sentiment_benchmarks.config import BenchmarkScaleConfig
from sentiment_benchmarks.scale import BYTES_A_REVIEW, Speed, simulated
from sentiment_benchmarks.verbs import BENCHMARK_SCALE
from verbs_here import done

MILLISECOND = 1e-3


def measured(reviews, start=10.0, review=MILLISECOND, cores=2):
    """The row of a run that took `start` seconds, and `review` core-seconds for each review."""
    seconds = start + reviews * review / cores
    return {"reviews": reviews, "seconds": seconds, "core_seconds_per_100000": cores * seconds * 1e5 / reviews}


def test_start_and_cost_of_a_review_are_those_of_the_measured_runs():
    speed = Speed.fitted([measured(count) for count in (10_000, 100_000, 500_000)])
    assert speed.start == pytest.approx(10)
    assert speed.review == pytest.approx(MILLISECOND)


def test_one_size_alone_tells_no_growth():
    with pytest.raises(ContractError, match="two sizes"):
        Speed.fitted([measured(10_000), measured(10_000)])


def test_sizes_that_do_not_grow_give_no_cost_of_a_review():
    with pytest.raises(ContractError, match="measure larger sizes"):
        Speed.fitted([measured(10_000, start=20.0), measured(20_000, start=12.0)])


def test_where_a_start_would_be_less_than_nothing_the_cost_of_a_review_is_fitted_without_one():
    speed = Speed.fitted([measured(10_000, start=0.0), measured(100_000, start=0.0, review=1.2 * MILLISECOND)])
    assert speed.start == 0
    # The relative errors of 1.0 and 1.2 ms are least, squared, at 1.08; with the start of that fit it would be 1.22.
    assert speed.review == pytest.approx((1 + 1 / 1.2) / (1 + 1 / 1.2**2) * MILLISECOND)


def test_a_simulation_gives_back_what_it_was_fitted_to():
    row = simulated(Speed(10.0, MILLISECOND), 500_000, 2, days=28, price=0.0)
    assert row["hours"] * 3600 == pytest.approx(10 + 500_000 * MILLISECOND / 2, rel=0.05)
    assert row["tasks"] == partitions_of([DataFile(None, "", 500_000 * BYTES_A_REVIEW, 500_000)], 2)


def test_more_cores_are_faster_and_less_busy_and_cost_more():
    few, many = (simulated(Speed(10.0, MILLISECOND), 10_000_000, cores, days=365, price=1.0) for cores in (16, 1_000))
    assert many["hours"] < few["hours"]
    assert many["efficiency"] < few["efficiency"] <= 1
    assert many["dollars"] > few["dollars"] == few["core_hours"]


def test_no_number_of_cores_is_faster_than_driver_and_commits():
    row = simulated(Speed(0.0, MILLISECOND), 1_000_000_000, 50_000, days=3_650, price=0.0)
    assert row["hours"] * 3600 >= row["driver_seconds"] + row["commit_seconds"]


def test_the_table_is_made_of_the_sizes_that_were_measured_here(home):
    tables = home / "benchmarks" / "scoring" / "tables"
    tables.mkdir(parents=True)
    (tables / "sizes.json").write_text(json.dumps([measured(10_000), measured(100_000)]))
    result = done(BENCHMARK_SCALE, BenchmarkScaleConfig(reviews=(1_000_000,), cores=(2, 16)))
    assert result["core_milliseconds_a_review"] == pytest.approx(1)
    assert [row["cores"] for row in result["scale"]] == [2, 16]
    assert json.loads((home / "benchmarks" / "scale" / "tables" / "scale.json").read_text()) == result["scale"]


def test_a_benchmark_asks_mlflow_first_and_where_it_fails_leaves_what_was_measured_before(home, monkeypatch):
    def killed(*_: object, **__: object) -> None:
        raise MemoryError("killed")

    config = BenchmarkScaleConfig(measured=home / "sizes.json", reviews=(1_000_000,), cores=(2,))
    config.measured.write_text(json.dumps([measured(10_000), measured(100_000)]))
    done(BENCHMARK_SCALE, config)
    before = {file: file.read_bytes() for file in (home / "benchmarks" / "scale").rglob("*.*")}
    monkeypatch.setattr(scale, "simulated", killed)
    with pytest.raises(MemoryError):
        done(BENCHMARK_SCALE, config.model_copy(update={"cores": (16,)}))
    assert before
    assert {file: file.read_bytes() for file in before} == before
    monkeypatch.setenv("SENTIMENT_MLFLOW_URI", "http://127.0.0.1:1")
    with pytest.raises(UnavailableError, match="MLflow does not answer"):  # and nothing was simulated
        done(BENCHMARK_SCALE, config)


def test_what_was_not_measured_is_said_and_where_it_may_lie(home):
    with pytest.raises(ContractError, match=r"holds no measured sizes: .* name with --measured the tables/sizes"):
        done(BENCHMARK_SCALE, BenchmarkScaleConfig())


@pytest.mark.parametrize(
    "content",
    [
        {"cpu": "a processor", "cores": 2},
        [{"reviews": 100, "master": "sail[2]", "seconds": 2.0}],
        [{**measured(10_000), "seconds": 0.0}, measured(100_000)],
        ["reviews", "seconds"],
    ],
)
def test_a_file_of_something_else_is_no_measured_sizes(content, home):
    (home / "other.json").write_text(json.dumps(content))
    with pytest.raises(ContractError, match=r"other\.json is another table than sizes; give --measured"):
        done(BENCHMARK_SCALE, BenchmarkScaleConfig(measured=home / "other.json"))
