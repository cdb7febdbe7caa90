"""Which files are made ready because of those that were opened."""

from __future__ import annotations

import time

from mountfs.model import ProjectId
from mountfs.testing.studios import MemoryStudio
from mountfs.workspace.folder_order import FolderOrder
from mountfs.workspace.namespace import Namespace
from mountfs.workspace.nodes import File, Folder


def folders_with(count: int, *names: str, big: frozenset[int] = frozenset()) -> list[Folder]:
    """Folders of so many small files each, but for some; all of them were listed."""
    studio = MemoryStudio()
    for name in names:
        for number in range(count):
            studio.write(f"{name}/{number:04}.png", bytes(600_000 if number in big else 10))
    namespace = Namespace(studio.tree(), ProjectId("film"), time.time)
    found = [node for node in namespace.children(namespace.root).values() if isinstance(node, Folder)]
    for folder in found:
        namespace.children(folder)
    return found


def files_in(folder: Folder) -> list[File]:
    assert folder.children is not None
    return [node for node in folder.children.values() if isinstance(node, File)]


def files(count: int, *, big: frozenset[int] = frozenset()) -> list[File]:
    (folder,) = folders_with(count, "set", big=big)
    return files_in(folder)


def opened(order: FolderOrder, all_files: list[File], *places: int) -> list[int]:
    """The places of the files to be made ready after opening these."""
    ready: list[int] = []
    numbers = {file.asset: place for place, file in enumerate(all_files)}
    for place in places:
        ready += [numbers[file.asset] for file in order.opened(all_files[place])]
    return ready


def test_a_reader_in_order_gets_every_following_file_once():
    """Nothing is fetched twice, and nothing left out, on the way through a folder."""
    everything = files(500)
    assert opened(FolderOrder(), everything, *range(500)) == list(range(1, 500))


def test_a_single_file_and_jumps_make_nothing_ready():
    """Random access costs nothing extra."""
    assert opened(FolderOrder(), files(100), 5, 50, 20, 80, 3) == []


def test_a_reader_that_leaves_out_some_files_is_in_order_too():
    """Reading every other file of a sequence is reading in order."""
    ready = opened(FolderOrder(), files(100), *range(0, 40, 2))
    assert set(range(3, 40)) <= set(ready)
    assert len(ready) == len(set(ready))


def test_a_reader_that_begins_in_the_middle_is_followed_from_its_second_file():
    """Whoever reads a sequence from some frame on is read ahead for as well."""
    assert opened(FolderOrder(), files(100), 50, 51) == list(range(52, 60))


def test_a_reader_of_folder_after_folder_is_followed_across():
    """The next folder's first files are ready before it is entered, and nothing is fetched twice."""
    folders = [files_in(folder) for folder in folders_with(30, "a", "b", "c", "d")]
    order = FolderOrder()
    ready: list[File] = []
    for folder in folders:
        assert folder is folders[0] or folder[0] in ready
        for each in folder:
            ready += order.opened(each)
    assert ready == [file for folder in folders for file in folder][1:]


def test_a_look_at_one_file_does_not_reach_into_the_next_folder():
    """Only who has read in order up to the end of a folder will probably go on to the next one."""
    first, second = map(files_in, folders_with(3, "a", "b"))
    assert FolderOrder().opened(first[0]) == first[1:]
    assert FolderOrder().opened(second[0]) == second[1:]


def test_big_files_are_left_to_their_own_read_ahead():
    """Making ready is for files of one chunk."""
    ready = opened(FolderOrder(), files(20, big=frozenset({3, 4})), 0, 1, 2)
    assert ready
    assert not {3, 4} & set(ready)


def test_the_first_window_is_small_and_later_ones_grow():
    """Whoever looks at three files does not pay for a hundred."""
    order, everything = FolderOrder(), files(300)
    assert opened(order, everything, 0) == list(range(1, 9))
    assert len(opened(order, everything, *range(1, 60))) > 32
