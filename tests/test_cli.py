"""The command line is generated from the configurations: its flags, its help, its exit codes, and the way back."""

import gzip
import io
import json
import logging
import math
import os
import re
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from conftest import FOLDERS
from sentiment import arguments, cli
from sentiment.core.config import VerbConfig
from sentiment.core.context import Context
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.settings import PROJECT
from sentiment.core.verb import Verb, VerbResult
from sentiment.promotion.results import CandidateRow, CompareResult, ComparisonRow, OverTrainings
from sentiment.scoring.config import ScoreConfig
from sentiment.scoring.verbs import ScoreResult
from sentiment.terminal import show
from sentiment.training.config.architecture import RECURRENT_FAMILIES
from sentiment.training.config.train import LEARNING_RATES
from sentiment.verbs import GROUPS, verbs
from sentiment_benchmarks.results import PreparationBenchmark
from sentiment_benchmarks.tables import Machine
from verbs_here import Said, standing_in

TESTS = Path(__file__).parent
FOUND = {"PYTHONPATH": FOLDERS}


def parser_of(verb: str) -> Any:
    return arguments._parsers(verbs())[1][verb]


def help_of(verb: str, capsys: pytest.CaptureFixture[str], known: Any = None) -> str:
    with pytest.raises(SystemExit) as end:
        cli.main([*verb.split(), "--help"], known)
    assert end.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", verbs())
def test_the_help_of_a_verb_lists_every_field_with_its_description(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    shown, verb = help_of(name, capsys), verbs()[name]
    for field, info in verb.config.model_fields.items():
        assert info.description in shown
        assert (f"--{field.replace('_', '-')}" in shown) is (field != verb.positional)
    assert "--json" in shown
    assert f"example: sentiment {name}" in shown
    assert "exit codes: 0 done; 1 failed" in shown


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
        (["predict", "--input", ""], "--input: an empty text names no file"),
        (["predict", "--input", "a.csv", "--output", ""], "--output: an empty text names no file"),
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


def test_a_name_in_the_log_does_not_steer_the_terminal(capsys):
    record = logging.makeLogRecord({"msg": "%s is passed over", "args": ("2026-03-01/x\x1b]0;owned\x07\u202e.txt",)})
    cli._log_handler().emit(record)
    assert capsys.readouterr().err == "2026-03-01/x\\x1b]0;owned\\x07\\u202e.txt is passed over\n"


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


def test_the_help_of_a_group_is_named_as_it_can_be_typed(capsys):
    with pytest.raises(SystemExit):
        cli.main(["benchmark"])
    assert "sentiment benchmark --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["predict", "good", "--model", "3", "bad"], "unknown argument bad; give all texts side by side"),
        (["compare", "a", "--json", "b"], "unknown argument b; give all runs side by side"),
        (["inspect", "a.csv", "--json", "b.csv"], "unknown argument b.csv"),
        (["predict", "good", "--json", "-5"], "unknown argument -5"),
    ],
)
def test_a_word_apart_from_its_list_is_told_where_it_belongs(words, sentence, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines()[0].endswith(f"error: {sentence}")


def test_the_help_lists_every_verb_that_a_person_calls_in_its_group(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    for name, verb in verbs().items():
        assert any(line.split()[: len(name.split())] == name.split() for line in lines) is (verb.group is not None)
    groups = [line.partition(":")[0] for line in lines if line.partition(":")[0] in GROUPS]
    assert groups == list(GROUPS)


def test_options_of_a_section_stand_together_after_those_that_people_change(capsys):
    class Sectioned(VerbConfig):
        """Try sections."""

        deep: int = Field(1, description="Deep inside.", json_schema_extra={"section": "For experts"})
        given: str = Field(description="Must be given.")
        often: int = Field(2, description="Often changed.")

    sectioned = Verb(name="sectioned", config=Sectioned, result=VerbResult, run=lambda *_: VerbResult(), group="Data")
    shown = help_of("sectioned", capsys, {"sectioned": sectioned})
    places = [shown.index(word) for word in ("--given", "--often", "--json", "For experts", "--deep")]
    assert places == sorted(places)


def test_the_options_of_a_family_stand_together_under_its_name():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "400")
        shown = parser_of("train").format_help()
    groups = dict(re.findall(r"^(\S[^\n]*):\n((?:  .*\n)+)", shown, flags=re.MULTILINE))
    families = {
        "Encoders (encoder, lora)": {"--encoder", "--head", "--pooling", "--pretrained-share", "--warm-start"},
        "Adapters (lora)": {"--lora-rank", "--lora-alpha", "--lora-dropout", "--lora-targets"},
        "Recurrent networks (bilstm, lstm, gru)": {
            *("--embeddings", "--vocabulary", "--embedding-size", "--hidden-size", "--dropout"),
        },
        "Linear model (linear)": {"--inverse-regularisation", "--buckets"},
    }
    for title, flags in families.items():
        assert set(re.findall(r"^  (--[a-z-]+)", groups[title], flags=re.MULTILINE)) == flags
    for family, rate in LEARNING_RATES.items():
        written = f"{'recurrent' if family in RECURRENT_FAMILIES else family} {rate:.0e}".replace("e-0", "e-")
        assert written in groups["Optimiser"]


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
        (
            OSError(13, "Failed to open '/out/x.csv'"),
            1,
            "sentiment report: [Errno 13] Failed to open '/out/x.csv'; mend",
        ),
    ],
)
def test_what_ends_a_verb_is_a_sentence_and_a_code(error, code, sentence, capsys):
    def report(*_: Any) -> VerbResult:
        raise error

    assert cli.main(["report"], standing_in("report", report)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(sentence)
    assert "Traceback" not in err


def test_a_defect_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.main(["report"], standing_in("report", lambda *_: 1 / 0))


def program(text: str) -> list[str]:
    """Return the command line as a program of its own, with a `report` whose result is the text of an expression."""
    code = f"""
import sys
from conftest import FOLDERS
from sentiment import arguments, cli
from verbs_here import Said, standing_in
sys.exit(cli.main(['report'], standing_in('report', lambda *_: Said(text={text}))))
"""
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("as_json", [True, False])
def test_whoever_stops_reading_ends_it_without_a_traceback(as_json):
    words = program("sys.stdin.read() + 'x' * 100_000")
    words[-1] = words[-1].replace("['report']", "['report', '--json']") if as_json else words[-1]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(words, cwd=TESTS, env=FOUND, **pipes) as writing:
        writing.stdout.close()
        writing.stdin.close()
        assert (writing.stderr.read(), writing.wait(30)) == (b"", 141)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_standard_output_that_is_closed_ends_no_verb(closed):
    words = ["sh", "-c", f'exec "$@" {closed}', "sh", *program("'x'")]
    done = subprocess.run(words, capture_output=True, env=FOUND, check=False, cwd=TESTS)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"x" in done.stdout) is (not closed.startswith(">"))


def test_a_terminal_that_lacks_letters_shows_their_numbers_when_the_work_is_done():
    environment = {**FOUND, "PYTHONIOENCODING": "ascii", "PATH": ""}
    words = program("'schön \\ud83d [/b] [sic]'")
    done = subprocess.run(words, capture_output=True, env=environment, check=False, cwd=TESTS)
    assert done.returncode == 0, done.stderr
    assert b"sch\\xf6n \\ud83d [/b] [sic]" in done.stdout


def test_json_has_null_where_a_figure_is_no_number(capsys):
    class Figures(VerbResult):
        accuracy: float
        days: tuple[dict[str, float], ...]

    figures = Figures(accuracy=math.nan, days=({"share": math.inf},))
    assert cli.main(["report", "--json"], standing_in("report", lambda *_: figures)) == 0
    assert json.loads(capsys.readouterr().out) == {"accuracy": None, "days": [{"share": None}]}


@pytest.mark.parametrize(("is_terminal", "kind"), [(False, "xterm"), (True, "dumb")])
def test_progress_in_a_file_and_on_a_terminal_that_draws_nothing_is_lines_that_never_go_back(
    capsys, monkeypatch, is_terminal, kind
):
    from sentiment.terminal import progress

    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with progress() as on_progress:
        for done in (1, 5, 3, 5, 9):
            on_progress("scoring", done, 10)
    assert capsys.readouterr().err.splitlines() == ["scoring 10 %", "scoring 50 %", "scoring 90 %"]


def test_progress_in_a_file_is_told_each_minute_where_a_tenth_takes_longer(capsys):
    from sentiment.terminal import _plain

    on_progress = _plain(iter([0.0, 1.0, 31.0, 62.0, 122.0, 123.0]).__next__)
    on_progress("reading")
    for done in (0, 1, 2, 2, 12):
        on_progress("training", done, 100)
    assert capsys.readouterr().err.splitlines() == ["reading", "training 0 %", "training 2 %", "training 12 %"]


SCORED = {"days": 1, "reviews": 2, "positive": 1, "needs_review": 0, "reused": 0, "model_versions": [1], "also": []}


def score(config: ScoreConfig, context: Context) -> ScoreResult:
    """Stand in for the verb `score`: refuses version 9, gives back what it was called with otherwise."""
    context.progress("scoring", 1, 2)
    if config.model == "9":
        raise ContractError("there is no model version 9; registered are: 1, 2")
    return ScoreResult(day=config.day, touched=[config.day], **SCORED)


def test_a_broken_contract_ends_with_1_in_its_own_words(home, capsys):
    assert cli.main(["score", "--day", "2024-06-29", "--model", "9"], standing_in("score", score)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == "sentiment score: there is no model version 9; registered are: 1, 2"


def test_json_prints_one_line_and_progress_stays_out_of_it(home, capsys):
    assert cli.main(["score", "--day=2024-06-29", "--json"], standing_in("score", score)) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert json.loads(out) == {"day": "2024-06-29", "touched": ["2024-06-29"], **SCORED}
    assert "scoring 50 %" in err


def test_without_json_a_person_reads_a_table(home, capsys):
    assert cli.main(["score", "--day=2024-06-29"], standing_in("score", score)) == 0
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


def test_a_wrong_setting_is_named_by_its_variable(home, monkeypatch, capsys):
    monkeypatch.setenv("SENTIMENT_AIRFLOW_PORT", "abc")
    assert cli.main(["report"]) == 1
    assert "SENTIMENT_AIRFLOW_PORT: " in capsys.readouterr().err


def test_the_page_of_the_command_line_names_every_verb_and_every_exit_code():
    page = (PROJECT / "docs" / "command-line.md").read_text(encoding="utf-8")
    for group in GROUPS:
        row = next(line for line in page.splitlines() if line.startswith(f"| {group} |"))
        assert [name for name, verb in verbs().items() if verb.group == group] == re.findall("`([^`]+)`", row)
    codes = {cli.DONE, cli.FAILED, cli.WRONG_USE, cli.INTERRUPTED, cli.UNREAD}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE)} == codes


def compared(names: tuple[str, str] = ("linear, imbalance=class_weights", "linear, imbalance=none")) -> CompareResult:
    """Return two candidates of all figures."""
    figures = {
        field.name: 0.9
        for field in fields(CandidateRow)
        if field.name.endswith(("_mean", "_std", "validation_macro_f1"))
    }
    candidates = tuple(
        CandidateRow(candidate=name, family="encoder", seeds=(17, 18, 19, 20, 21), run_id=run * 32, **figures)
        for name, run in zip(names, "89", strict=True)
    )
    tests = {"difference": 0.0123, "low": -0.0, "high": 0.0246}
    seeds = OverTrainings(pairs=5, **tests, effect=1.5, p_value=0.1, wilcoxon_p=None, p_corrected=0.1)
    pair = ComparisonRow(
        a=names[0],
        b=names[1],
        **tests,
        bootstrap_p=0.01,
        bootstrap_p_corrected=0.01,
        only_a_right=9,
        only_b_right=1,
        mcnemar_p=0.01,
        mcnemar_p_corrected=0.01,
        winner=names[0],
        equal=False,
        verdict="The first is better than the second beyond chance",
        over_seeds=seeds,
        over_folds=None,
    )
    return CompareResult(runs=("8" * 32, "9" * 32), candidates=candidates, comparisons=(pair,))


@pytest.fixture(params=[80, 100, None], ids=["80 columns", "100 columns", "piped"])
def out(request) -> io.StringIO:
    """Return what stands for a terminal of that width, or for a pipe."""
    stream = io.StringIO()
    stream.isatty = lambda: request.param is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(request.param or 40))
        patch.setenv("TERM", "xterm")
        yield stream


def lines_of(out: io.StringIO) -> list[str]:
    """Return what a person sees, without the codes of slanted and bold letters."""
    return [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()).splitlines()]


@pytest.mark.parametrize(
    "names",
    [
        ("linear", "gru"),
        ("linear, imbalance=class_weights", "linear, imbalance=none"),
        ("encoder, epochs=1.0, learning_rate=0.0001", "encoder, epochs=3.0, learning_rate=0.0001"),
    ],
    ids=["short", "longer", "long"],
)
def test_a_comparison_begins_with_its_verdict_and_can_be_read(names, out):
    show(compared(names), out)
    shown = lines_of(out)
    # No line of a table is cut off at the terminal's edge.
    assert all(line[-1] in "┓┃┩│┘" for line in shown if line[0] in "┏┃┡│└")
    assert shown[0] == "The first is better than the second beyond chance."
    for figure in ("0.0123", "0.0246", "8" * 32, "9" * 32, "macro"):
        assert figure in "\n".join(shown)
    assert "further columns with --json" in "\n".join(shown)


def test_of_any_table_only_what_can_be_read_is_shown_and_nothing_is_broken(out):
    class Wide(VerbResult):
        rows: list[dict[str, Any]]
        splits: dict[str, dict[str, int]]

    figures = {f"figure_number_{number}": 0.123456 + number for number in range(30)}
    show(Wide(rows=[{"model": "linear", **figures, "verdict": "word " * 60}] * 2, splits={"train": {"seen": 1}}), out)
    lines = lines_of(out)
    shown = "\n".join(lines)
    assert "…" not in shown
    assert max(map(len, lines)) <= (int(os.environ["COLUMNS"]) if out.isatty() else 120)
    columns = len(re.findall(r"\d+\.\d\d", shown.split("linear")[1].splitlines()[0]))
    further = int(re.search(r"(\d+) further columns", shown)[1])
    assert columns > 3
    assert columns + further + (" word " in shown) + 1 == 32
    assert re.search(r"split\W+seen\W", shown)


def test_rows_that_lack_what_others_have_stand_in_their_columns(out):
    found = PreparationBenchmark(
        run_id="r",
        output="",
        machine=Machine(cpu="c", cores=2, gpus=(), torch="2"),
        preparation=[
            {"contender": "pandas", "read": 1_500, "seconds": 2.5, "reviews_per_second": 600.0, "against_pandas": 1.0},
            {"contender": "dask", "note": "not installed"},
        ],
        cleaning=[{"text": "plain", "seconds": 0.1}],
    )
    show(found, out)
    (dask,) = [line for line in lines_of(out) if "dask" in line]
    assert re.split(r"\s*│\s*", dask)[1:-1] == ["dask", "–", "–", "–", "not installed"]
    assert "1 further column with --json" in lines_of(out)


def test_json_has_what_a_table_leaves_out(capsys):
    found = compared()
    assert cli.main(["compare", "8" * 32, "--json"], standing_in("compare", lambda *_: found)) == 0
    assert json.loads(capsys.readouterr().out) == found.model_dump(mode="json")


def test_what_libraries_warn_of_goes_to_a_log_and_what_we_say_to_the_terminal(home):
    code = """
import logging, sys, warnings
from sentiment import cli
from verbs_here import Said, standing_in
def run(config, context):
    warnings.warn("of a library")
    logging.getLogger("library").warning("hints of a library")
    logging.getLogger("sentiment_benchmarks.x").warning("a word of ours")
    return Said(text="done")
sys.exit(cli.main(["report"], standing_in("report", run)))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([FOLDERS, str(TESTS)])}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "a word of ours\n")
    kept = (home / "logs" / "libraries.log").read_text()
    assert "library: hints of a library" in kept
    assert "UserWarning: of a library" in kept


def test_a_command_of_which_no_library_warns_makes_no_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / "nobody's"))
    assert cli.main(["report"], standing_in("report", lambda *_: Said(text="done"))) == 0
    assert not (tmp_path / "nobody's").exists()


def test_what_libraries_warn_of_in_a_home_that_cannot_be_written_to_is_dropped(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / "file" / "home"))

    def run(*_):
        logging.getLogger("library").warning("hints of a library")
        return Said(text="done")

    assert cli.main(["report"], standing_in("report", run)) == 0
    assert "hints" not in capsys.readouterr().err
