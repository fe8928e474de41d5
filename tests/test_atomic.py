"""What is made beside its place: it appears whole, or nothing of it is left."""

from pathlib import Path

import pytest

from sentiment.core.atomic import creating, keep, replacing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_takes_the_place_of_the_old_one_when_it_is_whole(tmp_path):
    file = tmp_path / "scores.csv"
    for text in ("old", "new"):
        with replacing(file) as aside:
            aside.write_text(text)
            assert (aside.suffix, aside.name[0]) == (".csv", ".")
            assert text == "old" or file.read_text() == "old"
    assert (file.read_text(), names(tmp_path)) == ("new", ["scores.csv"])


def half_a_file(aside: Path) -> None:
    aside.write_text("half")
    raise OSError("the disk is full")


def half_a_folder(aside: Path) -> None:
    aside.mkdir()
    half_a_file(aside / "half")


@pytest.mark.parametrize("make", [half_a_file, half_a_folder])
def test_what_fails_on_the_way_leaves_the_old_and_nothing_else(tmp_path, make):
    (tmp_path / "kept").write_text("old")
    with pytest.raises(OSError, match="the disk is full"), replacing(tmp_path / "kept") as aside:
        make(aside)
    assert ((tmp_path / "kept").read_text(), names(tmp_path)) == ("old", ["kept"])


def test_a_folder_takes_the_place_of_one_that_has_files(tmp_path):
    for content in ("one", "two"):
        with replacing(tmp_path / "bundle") as aside:
            aside.mkdir()
            (aside / content).touch()
    assert names(tmp_path) == ["bundle", "two"]


def nothing(_: Path) -> None:
    """Make nothing at all."""


def a_folder(aside: Path) -> None:
    aside.mkdir()
    (aside / "new").touch()


@pytest.mark.parametrize("make", [nothing, a_folder])
def test_a_folder_that_cannot_take_the_place_of_the_old_one_leaves_it(tmp_path, make, monkeypatch):
    with replacing(tmp_path / "bundle") as aside:
        aside.mkdir()
        (aside / "old").touch()
    real, moves = Path.rename, []

    def full(self, target):
        moves.append(target)
        if len(moves) == 2:
            raise OSError("the disk is full")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="the disk is full"), replacing(tmp_path / "bundle") as aside:
        make(aside)
    assert names(tmp_path) == ["bundle", "old"]


def test_a_link_to_a_folder_is_pointed_elsewhere_and_the_folder_stays(tmp_path):
    for content in ("one", "two"):
        (tmp_path / content).mkdir()
        with replacing(tmp_path / "current") as aside:
            aside.symlink_to(tmp_path / content)
    assert (tmp_path / "current").resolve() == tmp_path / "two"
    assert names(tmp_path) == ["current", "one", "two"]


@pytest.mark.parametrize("folder", [False, True])
def test_of_two_that_make_a_thing_once_the_first_ones_stays(tmp_path, folder):
    place = tmp_path / "key"
    with creating(place) as second, creating(place) as first:
        for aside, content in ((first, "first"), (second, "second")):
            (aside.mkdir() or aside / "content" if folder else aside).write_text(content)
    assert (place / "content" if folder else place).read_text() == "first"
    assert names(tmp_path) == (["content", "key"] if folder else ["key"])


def test_a_folder_that_was_removed_is_not_made_again(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "gone" / "record.json") as aside:
        aside.touch()
    assert names(tmp_path) == []


def test_what_cannot_be_moved_is_told(tmp_path):
    (tmp_path / "made").touch()
    with pytest.raises(FileNotFoundError):
        keep(tmp_path / "made", tmp_path / "nowhere" / "made")
