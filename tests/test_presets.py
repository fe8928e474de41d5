"""Published settings by name: what they are, that fields given by hand win, and that they take any encoder."""

from typing import get_args

import pytest
from pydantic import ValidationError

from sentiment.training.config.presets import PRESETS, Preset
from sentiment.training.config.train import TrainConfig
from sentiment.training.settings import StepPlan, effective_settings, remarks

PUBLISHED = {
    "electronics-distilbert": {
        "family": "encoder",
        "learning_rate": 2e-5,
        "batch_size": 32,
        "warmup_share": 0.1,
        "warmup_steps": None,
        "schedule": "constant",
        "weight_decay": 0.01,
        "precision": "auto",
    },
    "imdb-standard": {"learning_rate": 2e-5, "batch_size": 16, "epochs": 3, "weight_decay": 0.01, "warmup_steps": 500},
    "imdb-aggressive": {"learning_rate": 5e-5, "batch_size": 16, "epochs": 3, "weight_decay": 0.01},
    "imdb-conservative": {
        "learning_rate": 3e-5,
        "batch_size": 8,
        "epochs": 4,
        "weight_decay": 0.02,
        "warmup_steps": 500,
    },
    "lora-polarity": {
        "family": "lora",
        "lora_rank": 4,
        "lora_alpha": 32,
        "lora_dropout": 0.1,
        "lora_targets": "query",
        "learning_rate": 5e-4,
        "batch_size": 16,
        "epochs": 5,
        "patience": 2,
    },
}


@pytest.mark.parametrize("preset", PUBLISHED)
def test_a_preset_is_what_was_published(preset):
    config = TrainConfig(preset=preset)
    assert {name: getattr(config, name) for name in PUBLISHED[preset]} == PUBLISHED[preset]


def test_every_preset_has_settings_and_the_encoder_is_left_free():
    assert set(PRESETS) == set(get_args(Preset)) == set(PUBLISHED)
    assert all("encoder" not in settings for settings in PRESETS.values())
    assert TrainConfig(preset="lora-polarity", encoder="roberta-base").encoder == "roberta-base"


@pytest.mark.parametrize(
    ("given", "preset"),
    [({"learning_rate": 1e-3}, "imdb-standard"), ({"family": "encoder"}, "lora-polarity"), ({"epochs": 1.0}, None)],
)
def test_fields_given_by_hand_win(given, preset):
    config = TrainConfig(preset=preset, **given)
    assert {name: getattr(config, name) for name in given} == given


def test_a_share_of_warm_up_by_hand_wins_over_published_steps():
    config = TrainConfig(preset="imdb-standard", warmup_share=0.02)
    assert (config.warmup_share, config.warmup_steps) == (0.02, None)


@pytest.mark.parametrize("preset", PUBLISHED)
def test_a_dumped_config_rebuilds_equal(preset):
    config = TrainConfig(preset=preset, train_reviews=500, patience=7)
    assert TrainConfig(**config.model_dump(mode="json")) == config
    assert TrainConfig.model_validate_json(config.model_dump_json()) == config


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValidationError, match="preset"):
        TrainConfig(preset="nobodys")


@pytest.mark.parametrize(("reviews", "warmup"), [(25_000, 500), (5_400, 500), (5_000, 94), (800, 15)])
def test_a_warm_up_in_steps_that_would_take_most_of_a_training_gives_way_to_the_share_and_is_said(reviews, warmup):
    config = TrainConfig(preset="imdb-standard")
    assert StepPlan.of(config, reviews).warmup == warmup
    counting = effective_settings(config, reviews)
    assert (counting.get("warmup_steps"), "warmup_share" in counting) == (
        (500, False) if warmup == 500 else (None, True)
    )
    said = remarks(config, reviews)
    assert [one.startswith("a warm-up of 500 steps would take most of this training's ") for one in said] == (
        [] if warmup == 500 else [True]
    )


def test_steps_that_were_asked_for_and_fit_are_taken():
    assert StepPlan.of(TrainConfig(warmup_steps=0), 800).warmup == 0
    assert remarks(TrainConfig(warmup_steps=12), 800) == []


def test_films_are_read_further_than_products():
    assert {TrainConfig(preset=preset).max_length for preset in PRESETS if preset.startswith("imdb")} == {256}


def test_a_step_of_several_processes_is_named_with_what_it_may_cost():
    config = TrainConfig(processes=4, batch_size=8, accumulation=2)
    (said,) = remarks(config, 800)
    assert said.startswith("each step takes 64 reviews, 16 on each of 4 processes, so there are 4 times fewer steps")
    assert effective_settings(config, 2_000)["global_batch"] == 64
