"""The command line is generated from the configurations: its flags, its help, its exit codes, and the way back."""

import gzip
import json
import math
import re
import subprocess
import sys
import types
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import Field

from sentiment import cli, pipeline
from sentiment import config as c
from sentiment.arguments import arguments, read
from sentiment.config import PROJECT
from sentiment.config.verb import EARLIEST_DAY, LATEST_DAY
from sentiment.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.verbs import GROUPS, Verb


def help_of(verb: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        cli.main([*verb.split(), "--help"])
    assert end.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", cli.VERBS)
def test_the_help_of_a_verb_lists_every_field_with_its_description(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    shown, verb = help_of(name, capsys), cli.VERBS[name]
    for field, info in verb.config.model_fields.items():
        assert info.description in shown
        assert (f"--{field.replace('_', '-')}" in shown) is (field != verb.positional)
    assert "--json" in shown
    assert "--result" not in shown
    assert f"example: sentiment {name}" in shown
    assert "exit codes: 0 done; 1 failed" in shown


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_is_a_function_of_the_pipeline(name):
    assert callable(getattr(pipeline, cli.VERBS[name].function))


def test_the_file_runs_by_its_path_from_any_folder_as_spark_submit_runs_it(tmp_path):
    entry = PROJECT / "include" / "sentiment" / "__main__.py"
    done = subprocess.run(
        [sys.executable, str(entry), "--help"], cwd=tmp_path, capture_output=True, text=True, check=False, env={}
    )
    assert done.returncode == 0, done.stderr
    assert "import-history" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["score", "--day", "29.06.2024"], "--day: Input should be a valid date"),
        (["score", "--day", "0"], "--day: a number is no day; write it as 2024-05-31 (given: '0')"),
        (["ingest", "--day", "20240505"], "--day: a number is no day"),
        (["rescore", "--from-day", "0001-01-01", "--to-day", "9999-12-31"], "--from-day: no review is of 0001-01-01"),
        (["rescore", "--from-day", "2024-06-02", "--to-day", "9999-12-31"], "--to-day: no review is of 9999-12-31"),
        (["snapshot", "--to-day", "9999-12-31"], "days go from 1995-01-01 to 2099-12-31"),
        (["score", "--day", "2024-06-29", "--model", "best"], "--model: model is 'best'; give 'champion'"),
        (["rescore", "--from-day", "2024-06-02", "--to-day", "2024-06-01"], "lies after to_day 2024-06-01; swap them"),
        (["train", "--train-reviews", "7"], "--train-reviews: Input should be greater than or equal to 100"),
        (["predict"], "give either texts or --input FILE"),
        (["predict", "--output", "a.csv", "text"], "--output is for the rows of --input FILE"),
        (["predict", "--input", "a.csv", "--output", "./a.csv"], "--output is the same file as --input"),
    ],
)
def test_wrong_values_end_with_2_and_a_sentence_that_names_the_flag(words, sentence, capsys):
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"sentiment {words[0]}: ")
    assert sentence in said
    assert f"see `sentiment {words[0]} --help`" in said


@pytest.mark.parametrize("words", [["score"], ["train", "--family", "forest"], ["ingest", "--dya", "x"], ["fly"], []])
def test_arguments_that_argparse_refuses_end_with_2(words, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["scor"], "did you mean score?"),
        (["score", "--day=2024-06-29", "--modle=3"], "did you mean --model?"),
        (["benchmark", "trainig"], "did you mean training?"),
    ],
)
def test_a_misspelt_word_is_told_the_nearest_one_in_three_lines(words, nearest, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith(nearest)
    assert len(said) == 3


def test_the_help_lists_every_verb_that_a_person_calls_in_its_group(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    for name, verb in cli.VERBS.items():
        assert any(line.split()[: len(name.split())] == name.split() for line in lines) is (verb.group is not None)
    groups = [line.partition(":")[0] for line in lines if line.partition(":")[0] in GROUPS]
    assert groups == list(GROUPS)


def test_options_of_a_section_stand_together_after_those_that_people_change(capsys, monkeypatch):
    class Sectioned(c.VerbConfig):
        """Try sections."""

        deep: int = Field(1, description="Deep inside.", json_schema_extra={"section": "For experts"})
        given: str = Field(description="Must be given.")
        often: int = Field(2, description="Often changed.")

    monkeypatch.setitem(cli.VERBS, "sectioned", Verb(Sectioned, "demo", "Data", ""))
    shown = help_of("sectioned", capsys)
    places = [shown.index(word) for word in ("--given", "--often", "--json", "For experts", "--deep")]
    assert places == sorted(places)


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert (end.value.code, capsys.readouterr().out) == (0, f"sentiment {version('sentiment')}\n")


def test_a_folder_on_the_path_alone_runs_and_has_no_version(monkeypatch, capsys):
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("sentiment.arguments.version", missing)
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == "sentiment (not installed)\n"


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "sentiment report: interrupted"),
        (KeyboardInterrupt("three days are done"), 130, "sentiment report: interrupted; three days are done"),
        (UnavailableError("MLflow does not answer"), 1, "sentiment report: MLflow does not answer"),
        (ConcurrentWriteError("another run wrote"), 1, "sentiment report: another run wrote"),
        (OSError(28, "x", "/out/scored.csv"), 1, "sentiment report: /out/scored.csv: No space left on device"),
    ],
)
def test_what_ends_a_verb_is_a_sentence_and_a_code(error, code, sentence, monkeypatch, capsys):
    def report(config: c.ReportConfig, on_progress: Any) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(pipeline, "report", report)
    assert cli.main(["report"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(sentence)
    assert "Traceback" not in err


def test_a_defect_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(pipeline, "report", lambda config, on_progress: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["report"])


def program(code: str) -> list[str]:
    """Return the command line as a program of its own, with a `report` that the code puts in place."""
    return [
        sys.executable,
        "-c",
        f"import sys; from sentiment import cli, pipeline; {code}; sys.exit(cli.main(['report']))",
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_whoever_stops_reading_ends_it_without_a_traceback(as_json):
    wait = "lambda config, on_progress: {'text': sys.stdin.read() + 'x' * 100_000}"
    words = program(f"pipeline.report = {wait}")
    words[-1] = words[-1].replace("['report']", "['report', '--json']") if as_json else words[-1]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(words, **pipes) as writing:
        writing.stdout.close()
        writing.stdin.close()
        assert (writing.stderr.read(), writing.wait(30)) == (b"", 141)


def test_a_terminal_that_lacks_letters_shows_their_numbers_when_the_work_is_done():
    code = "pipeline.report = lambda config, on_progress: {'text': 'schön \\ud83d [/b] [sic]'}"
    environment = {"PYTHONIOENCODING": "ascii", "PATH": ""}
    done = subprocess.run(program(code), capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert b"sch\\xf6n \\ud83d [/b] [sic]" in done.stdout


def test_json_has_null_where_a_figure_is_no_number(monkeypatch, capsys):
    figures = {"accuracy": math.nan, "days": [{"share": math.inf}]}
    monkeypatch.setattr(pipeline, "report", lambda config, on_progress: figures)
    assert cli.main(["report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"accuracy": None, "days": [{"share": None}]}


def test_progress_in_a_file_never_goes_back(capsys):
    from sentiment.terminal import progress

    with progress() as on_progress:
        for done in (1, 5, 3, 5, 9):
            on_progress("scoring", done, 10)
    assert capsys.readouterr().err.splitlines() == ["scoring 10 %", "scoring 50 %", "scoring 90 %"]


SCORED = {"reviews": 2, "positive": 1, "needs_review": 0, "reused": 0, "model_versions": ["1"]}


@pytest.fixture
def scoring(monkeypatch):
    """Stand in for the verb `score`: refuses version 9, gives back what it was called with otherwise."""

    def score(config: c.ScoreConfig, on_progress: Any) -> dict[str, Any]:
        on_progress("scoring", 1, 2)
        if config.model == "9":
            raise ContractError("there is no model version 9; registered are: 1, 2")
        return {"day": str(config.day), **SCORED}

    monkeypatch.setattr(pipeline, "score", score)


def test_a_broken_contract_ends_with_1_in_its_own_words_and_they_reach_the_result_file(scoring, tmp_path, capsys):
    file = tmp_path / "result.json"
    assert cli.main(["score", "--day", "2024-06-29", "--model", "9", "--result", str(file)]) == 1
    sentence = "there is no model version 9; registered are: 1, 2"
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == f"sentiment score: {sentence}"
    assert json.loads(file.read_text()) == {"error": sentence}


def test_json_prints_one_line_and_progress_stays_out_of_it(scoring, tmp_path, capsys):
    file = tmp_path / "result.json"
    assert cli.main(["score", "--day=2024-06-29", "--json", "--result", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert json.loads(out) == json.loads(file.read_text()) == {"day": "2024-06-29", **SCORED}
    assert "scoring 50 %" in err


def test_without_json_a_person_reads_a_table(scoring, capsys):
    assert cli.main(["score", "--day=2024-06-29"]) == 0
    assert capsys.readouterr().out.startswith("2024-06-29: 2 reviews scored by version 1, 50.0 % positive")


def test_a_sample_is_written_by_the_command_and_counts_what_it_wrote(tmp_path, capsys):
    folder = tmp_path / "sample"
    words = ["sample", f"--output={folder}", "--reviews=300", "--days=14", "--daily-days=7", "--json"]
    assert cli.main(words) == 0
    result = json.loads(capsys.readouterr().out)
    written = sum(
        len((gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).splitlines())
        for file in folder.rglob("*.jsonl*")
        if not file.name.startswith("meta_")
    )
    assert written == result["lines"] >= 300
    assert len(list((folder / "daily").iterdir())) == 7


def values(annotation: Any, limits: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Draw values of a field's type within its limits."""
    if get_origin(annotation) in {Union, types.UnionType}:
        inner = next(one for one in get_args(annotation) if one is not types.NoneType)
        return st.none() | values(get_args(inner)[0] if get_origin(inner) is Annotated else inner, limits)
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is Annotated:
        (rule,) = annotation.__metadata__
        return values(get_args(annotation)[0], {"ge": rule.metadata[0].ge})
    if get_origin(annotation) is tuple:
        # In a list, a word that begins with a dash would be the next flag.
        one = values(get_args(annotation)[0], {"ge": 1, "min_length": 1})
        one = one.filter(lambda word: not isinstance(word, str) or not word.startswith("-"))
        return st.lists(one, min_size=limits.get("min_length", 0), max_size=3, unique=True).map(tuple)
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    words = st.text("abcxyz ÄÖé/:-=,.019'\"", min_size=limits.get("min_length", 0), max_size=12)
    words = words.filter(lambda word: word != "--")  # argparse before 3.13 takes it for its own, after = too
    return {
        bool: st.booleans(),
        int: st.integers(low if low is not None else -9, high or 10**9),
        float: st.floats(
            low, high, allow_nan=False, allow_infinity=False, exclude_min="gt" in limits, exclude_max="lt" in limits
        ),
        date: st.dates(EARLIEST_DAY, LATEST_DAY),
        Path: words.map(lambda name: Path(f"a{name}")),
        str: words,
    }[annotation]


def configurations(config: type[c.VerbConfig]) -> st.SearchStrategy[c.VerbConfig]:
    drawn = {}
    for name, info in config.model_fields.items():
        limits = {key: value for rule in info.metadata for key, value in vars_of(rule).items() if value is not None}
        drawn[name] = values(info.annotation, limits)
    if "model" in drawn:
        drawn["model"] = st.sampled_from(["champion", "champion_at_date", "1", "27"])
    return st.fixed_dictionaries(drawn).map(lambda fields: config(**mended(fields)))


def vars_of(rule: Any) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in ("ge", "gt", "le", "lt", "min_length") if hasattr(rule, name)}


def mended(fields: dict[str, Any]) -> dict[str, Any]:
    """Make drawn fields obey the rules between fields: the order of days, what a family can do, and texts or files."""
    if "from_day" in fields and fields["from_day"] and fields["to_day"]:
        fields["from_day"], fields["to_day"] = sorted([fields["from_day"], fields["to_day"]])
    if "imbalance" in fields:
        fields |= {"family": "encoder", "stages": 1, "folds": 0, "label_smoothing": 0.0} | (
            {"imbalance": "none"} if fields["imbalance"] == "smote" else {}
        )
    if "trials" in fields:
        fields |= {"processes": 1, "stages": 1, "lora_ranks": (), "dropouts": (), "heads": (), "imbalances": ()}
        for name in ("learning_rate", "weight_decay", "inverse_regularisation"):
            ends = sorted([fields[f"{name}_low"], fields[f"{name}_high"]])
            fields[f"{name}_low"], fields[f"{name}_high"] = ends
    if "dataset" in fields and fields["dataset"] != "lake":
        fields |= dict.fromkeys(("from_day", "to_day", "reviews_version"))
        fields |= {"source": fields["source"] or "a", "test_share": 0.2, "validation_share": 0.1}
    elif "dataset" in fields:
        fields["source"] = ""
    if "texts" in fields:
        texts = tuple(text for text in fields["texts"] if text and not text.startswith("-"))
        files = {"input": fields["input"] or Path("a"), "output": Path("b/b")}
        fields |= {"texts": texts, **(dict.fromkeys(files) if texts else files)}
    return fields


@pytest.mark.parametrize("name", cli.VERBS)
@given(data=st.data())
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_a_configuration_spelled_as_arguments_comes_back_as_itself(name, data):
    verb = cli.VERBS[name]
    config = data.draw(configurations(verb.config))
    given_back = read(arguments(verb.function, config))
    for own in ("verb", "json", "result"):
        given_back.pop(own)
    assert verb.config(**given_back) == config


def test_a_wrong_setting_is_named_by_its_variable(home, monkeypatch, capsys):
    monkeypatch.setenv("SENTIMENT_AIRFLOW_PORT", "abc")
    assert cli.main(["report"]) == 1
    assert "SENTIMENT_AIRFLOW_PORT: " in capsys.readouterr().err


def test_the_page_of_the_command_line_names_every_verb_and_every_exit_code():
    page = (PROJECT / "docs" / "command-line.md").read_text(encoding="utf-8")
    for group in GROUPS:
        row = next(line for line in page.splitlines() if line.startswith(f"| {group} |"))
        assert [name for name, verb in cli.VERBS.items() if verb.group == group] == re.findall("`([^`]+)`", row)
    codes = {cli.DONE, cli.FAILED, cli.WRONG_USE, cli.INTERRUPTED, cli.UNREAD}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE)} == codes


def test_a_comparison_begins_with_its_verdict_and_fits_a_terminal(monkeypatch, capsys):
    figures = dict.fromkeys(
        ("accuracy_mean", "macro_f1_mean", "macro_f1_std", "ece_mean", "ece_std", "seconds_mean"), 0.9
    )
    candidate = {"candidate": "encoder", "family": "encoder", "seeds": [17, 18], "run_id": "8" * 32, **figures}
    pair = {"a": "encoder", "b": "linear", "difference": 0.01, "low": 0.0, "high": 0.02, "bootstrap_p": 0.01}
    row = {**pair, "over_seeds": {"seeds": 2, "p": 0.1}, "verdict": "encoder is better than linear beyond chance"}
    found = {"runs": ["8" * 32], "candidates": [candidate], "comparisons": [row]}
    monkeypatch.setattr(pipeline, "compare", lambda config, on_progress: found)
    assert cli.main(["compare", "8" * 32]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "encoder is better than linear beyond chance."
    assert max(len(line.rstrip()) for line in shown) <= 100
    assert "8" * 32 in "\n".join(shown)
    assert cli.main(["compare", "8" * 32, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
