"""What this mount did itself, when news comes that is older than it."""

from __future__ import annotations

from dataclasses import replace

from mountfs.model import Changes, Tree
from mountfs.testing.studios import MemoryStudio
from mountfs.workspace.catalogue import Catalogue


def begin() -> tuple[Catalogue, Tree]:
    studio = MemoryStudio()
    studio.write("shots/a.txt", b"old")
    before = studio.tree()
    studio.write("shots/a.txt", b"new")
    return Catalogue(studio.tree()), before


def test_what_was_removed_here_stays_so_though_older_news_has_it():
    """Whoever removes a folder can make one of its name at once."""
    catalogue, before = begin()
    (folder,), (file,) = before.collections.values(), before.assets.values()
    catalogue.forget_asset(file.id)
    catalogue.forget_collection(folder.id)
    catalogue.apply(Changes(before.cursor, assets=(file,), collections=(folder,)))
    touched = catalogue.overtake({file.id, folder.id})
    assert not catalogue.assets
    assert not catalogue.collections
    assert catalogue.is_behind
    assert {folder.id, folder.parent} <= touched


def test_what_was_saved_here_stays_the_newest_though_older_news_has_an_earlier_version():
    """Whoever saves twice in a row does not lose a race against themselves; other news is taken over."""
    catalogue, before = begin()
    (now,), (earlier,) = catalogue.assets.values(), before.assets.values()
    catalogue.show_asset(now)
    catalogue.apply(Changes(before.cursor, assets=(replace(earlier, status="wip"),)))
    catalogue.overtake({now.id})
    assert catalogue.assets[now.id] == replace(now, status="wip")
    assert catalogue.is_behind


def test_a_folder_that_was_moved_here_stays_there_though_a_whole_older_tree_comes():
    """Also after news that could not be taken over piece by piece."""
    catalogue, before = begin()
    (folder,) = before.collections.values()
    catalogue.move_collection(folder.id, "scenes", folder.parent)
    newer = Catalogue(before)
    newer.keep_own(catalogue)
    assert newer.collections[folder.id].name == "scenes"
    assert newer.is_behind


def test_news_that_was_asked_for_afterwards_is_believed():
    """What somebody else brought back from the trash is there again."""
    catalogue, before = begin()
    (file,) = before.assets.values()
    catalogue.forget_asset(file.id)
    catalogue.ask()
    catalogue.apply(Changes(before.cursor, assets=(file,)))
    assert not catalogue.overtake({file.id})
    assert catalogue.assets == {file.id: file}
    assert not catalogue.is_behind


def test_a_folder_that_was_removed_while_it_was_made_does_not_show():
    """News of it comes before it is in the trash, and is right; nobody here wants to see it."""
    catalogue, before = begin()
    (folder,) = before.collections.values()
    catalogue.forget_collection(folder.id)
    catalogue.unwanted.add(folder.id)
    catalogue.ask()
    catalogue.apply(Changes(before.cursor, collections=(folder,)))
    catalogue.overtake({folder.id})
    assert not catalogue.collections
    assert not catalogue.is_behind


def test_what_is_saved_while_news_is_asked_for_stays_the_newest():
    """Also if an earlier save is what the news has to know: who saves quickly loses no race."""
    catalogue, before = begin()
    (now,), (earlier,) = catalogue.assets.values(), before.assets.values()
    catalogue.show_asset(earlier)
    assert catalogue.ask()
    catalogue.show_asset(now)
    catalogue.apply(Changes(before.cursor, assets=(earlier,)))
    catalogue.overtake({earlier.id})
    assert catalogue.assets == {now.id: now}


def test_what_was_saved_here_and_undone_by_somebody_is_asked_for():
    """Made and gone again between two questions it is no news, so the whole tree has to tell."""
    catalogue, before = begin()
    (file,) = before.assets.values()
    catalogue.show_asset(file)
    assert catalogue.ask()
    catalogue.overtake(set())
    assert catalogue.is_behind


def test_what_was_news_before_it_was_answered_is_not_waited_for():
    """Nothing is taken over anew because the news of a removal was quicker than the answer."""
    catalogue, before = begin()
    (folder,), (file,) = before.collections.values(), before.assets.values()
    catalogue.apply(Changes(before.cursor, gone_assets=(file.id,), gone_collections=(folder.id,)))
    catalogue.forget_asset(file.id)
    catalogue.forget_collection(folder.id)
    assert not catalogue.ask()
