"""Pictures are PNG files that show what they are given, also when that is little."""

import numpy as np
import pytest

from sentiment.evaluation import plots

LABELS = np.array([0, 0, 0, 1, 1, 1, 1, 1] * 10)
PROBABILITY = np.tile([0.1, 0.4, 0.8, 0.9, 0.7, 0.3, 0.95, 0.6], 10)
HISTORY = [{"step": 1, "loss": 0.7}, {"step": 2, "eval_loss": 0.5, "eval_macro_f1": 0.8}, {"step": 2, "epoch": 1}]


def slice_row(kind, name, accuracy, reviews=100):
    ends = {"accuracy_low": accuracy - 0.05, "accuracy_high": min(accuracy + 0.05, 1.0)}
    return {"kind": kind, "slice": name, "reviews": reviews, "accuracy": accuracy, **ends}


@pytest.fixture
def drawn(monkeypatch):
    """The figures as matplotlib holds them, in the order in which they were saved."""
    figures, save = [], plots.save

    def seen(figure, path):
        figures.append(figure)
        return save(figure, path)

    monkeypatch.setattr(plots, "save", seen)
    return figures


def words_of(axes):
    return [text.get_text() for text in axes.texts]


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG")


def test_the_confusion_matrix_states_counts_and_shares_of_the_true_class(tmp_path, drawn):
    assert is_png(plots.confusion_matrix(LABELS, PROBABILITY, tmp_path / "new" / "confusion.png"))
    (axes,) = drawn[0].axes
    assert words_of(axes) == ["20\n66.7%", "10\n33.3%", "10\n20.0%", "40\n80.0%"]
    assert axes.get_title() == "Accuracy 75.0%"


def test_the_confusion_matrix_follows_the_threshold(tmp_path, drawn):
    plots.confusion_matrix(LABELS, PROBABILITY, tmp_path / "confusion.png", threshold=0.85)
    assert words_of(drawn[0].axes[0])[0] == "30\n100.0%"


def test_the_learning_curve_draws_what_the_log_holds(tmp_path, drawn):
    assert is_png(plots.learning_curve(HISTORY, tmp_path / "curve.png"))
    left, right = drawn[0].axes
    assert [line.get_label() for line in (*left.lines, *right.lines)] == [
        "training loss",
        "validation loss",
        "validation macro F1",
    ]


def test_a_training_without_a_log_has_an_empty_curve(tmp_path, recwarn):
    assert is_png(plots.learning_curve([], tmp_path / "empty.png"))
    assert not recwarn.list


def test_the_reliability_diagram_puts_a_calibrated_model_on_the_diagonal(tmp_path, drawn):
    draw = np.random.default_rng(0)
    after = draw.random(20_000)
    labels = (draw.random(20_000) < after).astype(int)
    assert is_png(plots.reliability_diagram(labels, np.clip(after * 1.5, 0, 1), after, tmp_path / "reliability.png"))
    _, before_line, after_line = drawn[0].axes[0].lines
    (x, y), (x_before, y_before) = after_line.get_data(), before_line.get_data()
    assert len(x) == 10
    assert np.abs(x - y).max() < 0.05
    assert np.abs(x_before - y_before).max() > 0.1


def test_a_bin_of_the_reliability_diagram_with_few_reviews_is_not_drawn(tmp_path, drawn):
    probability = np.array([0.95] * 20 + [0.15] * 4)
    plots.reliability_diagram(np.ones(24, int), probability, probability, tmp_path / "reliability.png")
    assert drawn[0].axes[0].lines[1].get_xdata() == pytest.approx([0.95])


def test_errors_by_confidence_are_noted_with_their_rate(tmp_path, drawn):
    rows = [{"low": 50, "high": 60, "reviews": 10, "errors": 4}, {"low": 60, "high": 70, "reviews": 0, "errors": 0}]
    assert is_png(plots.error_confidence(rows, tmp_path / "errors.png"))
    assert words_of(drawn[0].axes[0]) == ["4\n40.0%", "0\n0.0%"]


def test_candidates_stand_in_the_order_of_their_macro_f1(tmp_path, drawn):
    candidates = {
        "middle": ((0.96, 0.95, 0.97), (0.93, 0.92, 0.94)),
        "worst $x": ((0.90, 0.88, 0.92), (0.85, 0.82, 0.88)),
        "best": ((0.95, 0.94, 0.96), (0.95, 0.94, 0.96)),
    }
    assert is_png(plots.candidate_intervals(candidates, tmp_path / "candidates.png"))
    left, right = drawn[0].axes
    assert [label.get_text() for label in left.get_yticklabels()] == [r"worst \$x", "middle", "best"]
    assert right.lines[0].get_xdata() == pytest.approx((0.82, 0.88))


def test_slices_are_bars_of_errors_with_their_sizes_and_a_line_for_all_reviews(tmp_path, drawn):
    rows = [
        slice_row("all", "all reviews", 0.95, 1_200),
        slice_row("stars", "1", 0.8),
        slice_row("stars", "5", 1.0),
        slice_row("category", "A $5 & <b>", 0.9),
    ]
    assert is_png(plots.slice_bars(rows, tmp_path / "slices.png"))
    (axes,) = drawn[0].axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.2, 0.0, 0.1])
    assert axes.get_yticklabels()[0].get_text() == "stars: 1  (100)"
    assert axes.get_xlim()[0] == 0
    assert axes.get_legend().get_texts()[0].get_text() == "all reviews, 5.0%"


def test_pictures_of_nothing_are_still_pictures(tmp_path):
    assert is_png(plots.slice_bars([], tmp_path / "slices.png"))


def test_of_thousands_of_slices_of_a_kind_the_largest_are_drawn(tmp_path):
    rows = [slice_row("category", f"C{number}", 0.9, number) for number in range(1, 5_001)]
    rows.append(slice_row("stars", "5", 0.9, 1))
    assert [row["slice"] for row in plots._largest(rows)] == [*(f"C{number}" for number in range(4_971, 5_001)), "5"]
    assert is_png(plots.slice_bars(rows, tmp_path / "slices.png"))
    assert is_png(plots.candidate_intervals({}, tmp_path / "candidates.png"))
    assert is_png(plots.error_confidence([], tmp_path / "errors.png"))
