"""Which home an input of the demo gets: one of its own, whatever its folder is called."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment_local.demo_files import MADE_OF
from sentiment_local.demo_home import home_of, make_current, make_home


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make folders of reviews, and give the function that makes one."""
    monkeypatch.delenv("SENTIMENT_HOME", raising=False)
    # A .env in this checkout is its owner's, not the tests'.
    monkeypatch.setitem(Settings.model_config, "env_file", None)

    def make(name: str) -> Path:
        folder = tmp_path / name
        (folder / "daily").mkdir(parents=True)
        (folder / "history.jsonl.gz").touch()
        return folder

    return make


def use(root: Path, reviews: Path | None, stopped: list[Path] | None = None) -> Path:
    seen = stopped if stopped is not None else []
    settings = Settings()
    home = make_home(root, reviews, settings).home
    make_current(root, home, settings, lambda settings: seen.append(settings.home))
    return home


def test_two_inputs_whose_folders_have_one_name_never_share_a_home(tmp_path, inputs):
    january, february = inputs("january/reviews"), inputs("february/reviews")
    first, second = use(tmp_path / "var", january), use(tmp_path / "var", february)

    assert (first.name, second.parent) == ("reviews", first.parent)
    assert second.name.startswith("reviews-")
    assert [(home / "landing").resolve() for home in (first, second)] == [january / "daily", february / "daily"]
    assert (use(tmp_path / "var", january), use(tmp_path / "var", february)) == (first, second)


@pytest.mark.parametrize("name", ["current", "Current", "sample"])
def test_an_input_that_is_called_as_what_the_demo_makes_gets_another_name(tmp_path, inputs, name):
    root = tmp_path / "var"
    sample, home = use(root, None), use(root, inputs(name))

    assert home.name.startswith(f"{name}-")
    assert home != sample
    assert (root / "current").resolve() == home


def test_what_lies_under_the_name_already_is_left_alone(tmp_path, inputs):
    root, books = tmp_path / "var", inputs("books")
    (root / "books" / "lake").mkdir(parents=True)
    assert home_of(root, books) != root / "books"
    (root / "books" / "lake").rmdir()
    assert home_of(root, books) == root / "books"


def test_the_platform_of_the_former_input_is_stopped_and_that_of_the_same_one_is_not(tmp_path, inputs):
    stopped: list[Path] = []
    first = use(tmp_path / "var", inputs("january/reviews"), stopped)
    use(tmp_path / "var", tmp_path / "january" / "reviews", stopped)
    assert stopped == []
    use(tmp_path / "var", inputs("february/reviews"), stopped)
    assert stopped == [first]


def test_a_home_behind_a_link_is_the_same_home(tmp_path, inputs):
    stopped: list[Path] = []
    (tmp_path / "disk").mkdir()
    (tmp_path / "var").symlink_to(tmp_path / "disk")
    reviews = inputs("reviews")
    for _ in range(2):
        use(tmp_path / "var", reviews, stopped)
    assert stopped == []


def test_until_its_input_is_laid_out_a_home_is_not_current(tmp_path, inputs):
    first = use(tmp_path / "var", inputs("january/reviews"))
    make_home(tmp_path / "var", inputs("february/reviews"), Settings())
    assert (tmp_path / "var" / "current").resolve() == first


def test_an_input_whose_name_no_home_may_have_is_refused_and_changes_nothing(tmp_path, inputs):
    first = use(tmp_path / "var", inputs("reviews"))
    for name in ("reviews #1", "really?", "100%", "a,b"):
        with pytest.raises(ContractError, match="for a demo: call the folder of reviews otherwise"):
            use(tmp_path / "var", inputs(name))
    assert (tmp_path / "var" / "current").resolve() == first
    assert [entry.name for entry in (tmp_path / "var").iterdir() if not entry.is_symlink()] == ["reviews"]


def test_a_folder_that_is_no_input_is_refused_and_nothing_is_made(tmp_path, inputs):
    with pytest.raises(ContractError, match="is no folder of reviews"):
        use(tmp_path / "var", tmp_path / "nothing")
    assert not (tmp_path / "var").exists()


def test_a_home_that_the_settings_name_is_used_as_it_is_and_nothing_is_made_current(tmp_path, inputs, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / "mine"))
    assert use(tmp_path / "var", inputs("reviews")) == tmp_path / "mine"
    assert (tmp_path / "mine" / "landing").resolve() == tmp_path / "reviews" / "daily"
    assert not (tmp_path / "var").exists()


def test_a_home_that_the_settings_name_is_of_one_input(tmp_path, inputs, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / "mine"))
    books, films = inputs("books"), inputs("films")
    (one_file := tmp_path / "reviews.csv").touch()

    def refused(reviews: Path | None) -> bool:
        try:
            make_home(tmp_path / "var", reviews, Settings())
        except ContractError as error:
            return "a SENTIMENT_HOME of its own" in str(error)
        return False

    def at(home: str) -> Path:
        monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / home))
        return tmp_path / home / "reviews"

    at("of a folder")
    assert [refused(one) for one in (books, books, films, one_file, None)] == [False, False, True, True, True]
    of_sample = at("of the sample")
    assert not refused(None)
    (of_sample / "daily").mkdir(parents=True)  # which the sample makes
    assert [refused(one) for one in (None, books, one_file, None)] == [False, True, True, False]
    of_file = at("of a file")
    (another := tmp_path / "better.csv").touch()
    assert [refused(one) for one in (one_file, another, one_file)] == [False] * 3  # of neither anything was made
    of_file.mkdir()
    (of_file / MADE_OF).touch()
    assert [refused(one) for one in (one_file, another, books, None)] == [False, True, True, True]


def test_a_home_with_reviews_that_no_demo_put_there_is_left_alone(tmp_path, inputs, monkeypatch):
    books, root = inputs("books"), tmp_path / "var"
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "2024-05-05.jsonl").touch()

    def refused(home: Path) -> bool:
        before = {*home.rglob("*")}
        for reviews in (None, books):
            with pytest.raises(ContractError, match="holds reviews that no demo put there"):
                make_home(root, reviews, Settings())
        return {*home.rglob("*")} == before

    for file in ("landing/2024-05-05.jsonl", "lake/reviews/_delta_log/0.json", "reviews/mine.jsonl"):
        monkeypatch.setenv("SENTIMENT_HOME", str(mine := tmp_path / "homes" / file.partition("/")[0]))
        (mine / file).parent.mkdir(parents=True)
        (mine / file).touch()
        assert refused(mine)
    monkeypatch.setenv("SENTIMENT_HOME", str(linked := tmp_path / "homes" / "linked"))
    linked.mkdir()
    (linked / "landing").symlink_to(elsewhere)
    assert refused(linked)
    monkeypatch.delenv("SENTIMENT_HOME")
    (root / "sample" / "lake" / "reviews").mkdir(parents=True)
    with pytest.raises(ContractError, match="holds reviews that no demo put there"):
        make_home(root, None, Settings())


@pytest.mark.parametrize("given", [False, True], ids=["of its own", "that the settings name"])
def test_a_demo_goes_on_in_its_home_when_it_has_a_lake_and_days_too(tmp_path, inputs, monkeypatch, given):
    (one_file := tmp_path / "reviews.csv").touch()
    for reviews in (None, one_file, inputs("books")):
        if given:
            monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / f"of {reviews and reviews.name}"))
        home = make_home(tmp_path / "var", reviews, Settings()).home
        for folder in ("airflow", "lake/reviews", "reviews/daily"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        if reviews == one_file:
            (home / "reviews" / MADE_OF).touch()
        (home / "landing" / "2024-05-05.jsonl").touch()
        assert make_home(tmp_path / "var", reviews, Settings()).home == home
        if not (home / "reviews").is_symlink():  # what the demo makes anew
            shutil.rmtree(home / "reviews")
            assert make_home(tmp_path / "var", reviews, Settings()).home == home


@pytest.mark.parametrize("name", ["SENTIMENT_LAKE", "SENTIMENT_LANDING", "SENTIMENT_PRODUCTS"])
def test_a_demo_is_refused_while_a_setting_names_a_place_outside_of_its_home(tmp_path, inputs, monkeypatch, name):
    books = inputs("books")
    for place in (str(tmp_path / "mine"), "s3://bucket/mine"):
        monkeypatch.setenv(name, place)
        for reviews in (None, books):
            with pytest.raises(ContractError, match=f"among the reviews of {name};.* unset that"):
                make_home(tmp_path / "var", reviews, Settings())
    assert not (tmp_path / "var").exists()
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / "home"))
    # As the platform tells it to its processes.
    monkeypatch.setenv(name, str(tmp_path / "home" / name.removeprefix("SENTIMENT_").lower()))
    assert make_home(tmp_path / "var", None, Settings()).home == tmp_path / "home"


def test_what_else_the_settings_say_is_kept_in_the_demos_home(tmp_path, inputs):
    made = make_home(tmp_path / "var", inputs("reviews"), Settings(airflow_port=18080))
    assert (made.home, made.airflow_port) == (tmp_path / "var" / "reviews", 18080)


def test_logs_of_commands_before_it_do_not_keep_a_demos_home_from_becoming_current(tmp_path, inputs):
    logs = tmp_path / "var" / "current" / "logs"
    logs.mkdir(parents=True)
    (logs / "libraries.log").write_text("a warning")
    (logs.parent / "platform.lock").touch()  # of a start that was refused
    home = use(tmp_path / "var", inputs("reviews"))
    assert (tmp_path / "var" / "current").resolve() == home


def test_a_home_that_is_called_current_is_never_taken_for_a_name(tmp_path, inputs):
    current, reviews = tmp_path / "var" / "current", inputs("reviews")
    (current / "airflow").mkdir(parents=True)  # as a start makes it
    with pytest.raises(ContractError, match=r"current is a home with things of its own.* there with SENTIMENT_HOME="):
        use(tmp_path / "var", reviews)
    (current / "lake" / "reviews").mkdir(parents=True)
    with pytest.raises(ContractError, match=r"things of its own.* run it in another folder that SENTIMENT_HOME names"):
        use(tmp_path / "var", reviews)
    assert (current / "lake" / "reviews").is_dir()
    assert not (tmp_path / "var" / "reviews").exists()
