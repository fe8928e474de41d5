"""A bundle is whole and as exported, or it is not read at all."""

import pytest
from pydantic import ValidationError

from sentiment.core.errors import ContractError
from sentiment.engine.bundle import REQUIRED, Bundle, add_figures, assembled, read_bundle, seal

DESCRIPTION = Bundle(family="encoder", max_length=128, head_share=0.5, provenance={"run_id": "r1"}, metrics={"f1": 0.9})


def write(destination, content="weights"):
    with assembled(destination) as folder:
        for name in REQUIRED:
            (folder / name).write_text(f"{content} {name}")
        return seal(folder, DESCRIPTION)


def test_a_bundle_reads_back_as_it_was_sealed(tmp_path):
    sealed = write(tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle") == sealed
    assert set(sealed.sha256) == set(REQUIRED)
    assert (sealed.labels, sealed.thresholds.needs_review) == (("negative", "positive"), 0.70)
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == sorted([*REQUIRED, "bundle.json"])


@pytest.mark.parametrize("name", REQUIRED)
def test_a_changed_file_is_named(tmp_path, name):
    write(tmp_path / "bundle")
    (tmp_path / "bundle" / name).write_text("something else")
    with pytest.raises(ContractError, match=f"{name} is .* export the model anew"):
        read_bundle(tmp_path / "bundle")


def test_a_missing_file_is_named(tmp_path):
    write(tmp_path / "bundle")
    (tmp_path / "bundle" / "model.onnx").unlink()
    with pytest.raises(ContractError, match=r"model\.onnx is missing"):
        read_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("content", [None, "{", '{"family": "oracle"}'])
def test_a_folder_without_a_readable_description_is_no_bundle(tmp_path, content):
    if content is not None:
        (tmp_path / "bundle.json").write_text(content)
    with pytest.raises(ContractError, match="is no bundle of this version"):
        read_bundle(tmp_path)


def test_a_build_that_fails_leaves_nothing_and_the_old_bundle_in_place(tmp_path):
    old = write(tmp_path / "bundle")
    with pytest.raises(FileNotFoundError), assembled(tmp_path / "bundle") as folder:
        seal(folder, DESCRIPTION)  # its files were never written
    assert read_bundle(tmp_path / "bundle") == old
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_second_export_replaces_the_first_one_whole(tmp_path):
    first, second = write(tmp_path / "bundle"), write(tmp_path / "bundle", "better weights")
    assert read_bundle(tmp_path / "bundle") == second != first
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_description_is_frozen_and_knows_its_fields():
    with pytest.raises(ValidationError):
        DESCRIPTION.temperature = 2.0
    with pytest.raises(ValidationError):
        Bundle(family="linear", max_length=8, head_share=0.5, colour="blue")


def test_what_was_measured_later_is_added_and_the_bundle_stays_whole(tmp_path):
    write(tmp_path / "bundle")
    seal(tmp_path / "bundle", DESCRIPTION)
    add_figures(tmp_path / "bundle", {"test_accuracy": 0.97})
    again = read_bundle(tmp_path / "bundle")
    assert again.metrics == {**DESCRIPTION.metrics, "test_accuracy": 0.97}
    assert "bundle.json" not in again.sha256
