"""Names and nodes: what a folder shows, and what a change of the project does to it."""

from __future__ import annotations

from mountfs.model import ALL_TOGGLES, Changes, Cursor, Person, ProjectId, Toggle, UserId, Viewer
from mountfs.testing.studios import MemoryStudio
from mountfs.workspace.namespace import Namespace
from mountfs.workspace.news import News
from mountfs.workspace.nodes import AssetHistory, File, Folder, HistoryFolder, Link, Node

NOW = 5_000_000_000.0


def namespace_of(studio: MemoryStudio, project: str = "film") -> Namespace:
    return Namespace(studio.tree(), ProjectId(project), lambda: NOW)


def at(namespace: Namespace, path: str) -> Node | None:
    node: Node | None = namespace.root
    for name in path.split("/"):
        if not isinstance(node, Folder):
            return None
        node = namespace.child(node, name.encode())
    return node


def catch_up(namespace: Namespace, studio: MemoryStudio) -> News:
    """Take over everything the studio has committed since; all that the kernel has to forget."""
    together = News()
    while changes := studio.changes(namespace.catalogue.cursor):
        news = namespace.refresh(changes)
        together.names += news.names
        together.attributes += news.attributes
    return together


def test_a_folder_shows_its_files_folders_and_links_in_the_order_of_their_names():
    """Whoever lists a folder sees everything in it once, sorted."""
    studio = MemoryStudio()
    studio.write("shots/b.blend", b"b")
    studio.write("shots/a.blend", b"a")
    studio.folder("shots/c")
    studio.link("shots/wiki", "https://harbor.example/wiki")
    namespace = namespace_of(studio)
    shots = at(namespace, "shots")
    assert isinstance(shots, Folder)
    children = namespace.children(shots)
    assert list(children) == [b"a.blend", b"b.blend", b"c", b"wiki.url"]
    assert [type(node) for node in children.values()][:2] == [File, File]
    assert isinstance(children[b"wiki.url"], Link)


def test_the_same_content_has_the_same_number_after_a_remount():
    """Programs that remember inode numbers, such as backup tools, recognise a file after a remount."""
    studio = MemoryStudio()
    studio.write("shots/a.blend", b"a")
    first, second = namespace_of(studio), namespace_of(studio)
    for path in ("shots", "shots/a.blend", ".checkpoints", ".checkpoints/shots/a.blend"):
        one, other = at(first, path), at(second, path)
        assert one is not None
        assert other is not None
        assert one.ino == other.ino
        assert 1 < one.ino < 2**64


def test_numbers_of_another_project_are_others():
    """Copies of one project file that were given ids of their own do not share inode numbers."""
    studio = MemoryStudio()
    studio.write("a.blend", b"a")
    one, other = at(namespace_of(studio), "a.blend"), at(namespace_of(studio, "copy"), "a.blend")
    assert one is not None
    assert other is not None
    assert one.ino != other.ino


def test_a_new_checkpoint_gives_the_name_a_new_node_and_the_old_one_stays_for_whoever_knows_it():
    """An open file keeps its version when somebody else saves."""
    studio = MemoryStudio()
    old_content = studio.write("a.blend", b"one")
    namespace = namespace_of(studio)
    old = at(namespace, "a.blend")
    assert isinstance(old, File)
    old.lookups += 1
    studio.write("a.blend", b"two!")
    news = catch_up(namespace, studio)
    assert (namespace.root.ino, b"a.blend") in news.names
    new = at(namespace, "a.blend")
    assert isinstance(new, File)
    assert new.ino != old.ino
    assert namespace.nodes.get(old.ino) is old
    assert old.content == old_content
    namespace.nodes.forget(old.ino, 1)
    assert namespace.nodes.get(old.ino) is None


def test_a_folder_nobody_looked_into_needs_no_news():
    """A change in a corner of the project that nobody uses costs the kernel nothing."""
    studio = MemoryStudio()
    studio.write("shots/deep/a.blend", b"a")
    namespace = namespace_of(studio)
    at(namespace, "shots")
    studio.write("shots/deep/a.blend", b"b")
    assert not catch_up(namespace, studio).names


def test_a_new_name_is_news_where_it_was_missed_before():
    """A file that somebody looked for in vain is found as soon as it exists."""
    studio = MemoryStudio()
    studio.folder("shots")
    namespace = namespace_of(studio)
    shots = at(namespace, "shots")
    assert at(namespace, "shots/a.blend") is None
    studio.write("shots/a.blend", b"a")
    news = catch_up(namespace, studio)
    assert shots is not None
    assert (shots.ino, b"a.blend") in news.names
    assert at(namespace, "shots/a.blend") is not None


def test_a_folder_that_goes_out_of_sight_takes_everything_below_with_it():
    """Whoever loses sight of a collection finds nothing in it, even from inside."""
    studio = MemoryStudio()
    studio.write("secret/deep/a.blend", b"a")
    namespace = namespace_of(studio)
    deep, file = at(namespace, "secret/deep"), at(namespace, "secret/deep/a.blend")
    assert deep is not None
    assert file is not None
    for node in (at(namespace, "secret"), deep, file):
        assert node is not None
        node.lookups += 1
    studio.remove_folder("secret")
    news = catch_up(namespace, studio)
    assert {(namespace.root.ino, b"secret"), (deep.ino, b"a.blend")} <= set(news.names)
    assert at(namespace, "secret") is None
    assert isinstance(deep, Folder)
    assert namespace.child(deep, b"a.blend") is None


def test_a_moved_folder_keeps_its_number_and_everything_in_it():
    """A program that works in a folder goes on working when somebody moves it."""
    studio = MemoryStudio()
    studio.write("shots/sq1/a.blend", b"a")
    studio.folder("archive")
    namespace = namespace_of(studio)
    before, file = at(namespace, "shots/sq1"), at(namespace, "shots/sq1/a.blend")
    at(namespace, "archive/x")
    assert before is not None
    assert file is not None
    before.lookups += 1
    studio.rename_folder("shots/sq1", "archive/sq001")
    catch_up(namespace, studio)
    assert at(namespace, "shots/sq1") is None
    assert at(namespace, "archive/sq001") is before
    assert at(namespace, "archive/sq001/a.blend") is file
    assert before.parent is at(namespace, "archive")


def test_history_can_be_reached_but_is_not_listed():
    """Nothing that walks the project copies its whole past."""
    studio = MemoryStudio()
    studio.write("shots/a.blend", b"a")
    studio.link("shots/wiki", "https://harbor.example/wiki")
    namespace = namespace_of(studio)
    assert b".checkpoints" not in namespace.children(namespace.root)
    assert isinstance(at(namespace, ".checkpoints"), HistoryFolder)
    history = at(namespace, ".checkpoints/shots")
    assert isinstance(history, HistoryFolder)
    assert list(namespace.children(history)) == [b"a.blend"]  # a link has no versions
    assert at(namespace, "shots/.checkpoints") is None


def test_without_the_right_to_see_history_there_is_none():
    """A user whose role lacks view_checkpoint finds no .checkpoints, and finds it once the role has it."""
    ann = Viewer(Person(UserId("ann"), "ann", "ann@harbor.example"), ALL_TOGGLES - {Toggle.VIEW_CHECKPOINT})
    studio = MemoryStudio(viewer=ann)
    studio.write("a.blend", b"a")
    namespace = namespace_of(studio)
    assert at(namespace, ".checkpoints") is None
    studio.let(ALL_TOGGLES)
    news = catch_up(namespace, studio)
    assert (namespace.root.ino, b".checkpoints") in news.names
    assert at(namespace, ".checkpoints") is not None


def test_a_history_that_was_looked_into_is_looked_up_again_after_a_new_checkpoint():
    """The newest version is in the history as soon as it is in the project."""
    studio = MemoryStudio()
    studio.write("a.blend", b"a")
    namespace = namespace_of(studio)
    history = at(namespace, ".checkpoints/a.blend")
    assert isinstance(history, AssetHistory)
    asset = studio.asset_at("a.blend")
    namespace.set_history(history, studio.history(asset.id))
    assert list(namespace.children(history)) == [b"0001_2023-11-14T22-13-21Z_ada.blend"]
    studio.write("a.blend", b"b")
    catch_up(namespace, studio)
    assert not history.complete
    before = namespace.children(history)[b"0001_2023-11-14T22-13-21Z_ada.blend"]
    namespace.set_history(history, studio.history(asset.id))
    assert len(namespace.children(history)) == 2
    assert namespace.children(history)[b"0001_2023-11-14T22-13-21Z_ada.blend"] is before


def test_a_whole_new_tree_is_compared_with_the_old_one():
    """When the studio cannot tell what changed, only what did change is forgotten by name."""
    studio = MemoryStudio()
    studio.write("same.blend", b"a")
    studio.write("other.blend", b"a")
    namespace = namespace_of(studio)
    same = at(namespace, "same.blend")
    studio.write("other.blend", b"b")
    news = namespace.reload(studio.tree())
    assert (namespace.root.ino, b"other.blend") in news.names
    assert (namespace.root.ino, b"same.blend") not in news.names
    assert at(namespace, "same.blend") is same


def test_nothing_is_news_when_nothing_changed():
    """A wake-up without a change leaves the kernel's cache alone."""
    studio = MemoryStudio()
    studio.write("a.blend", b"a")
    namespace = namespace_of(studio)
    at(namespace, "a.blend")
    assert not namespace.refresh(Changes(Cursor("1")))


def test_news_that_leave_a_name_as_it_is_do_not_work_its_folder_out_again():
    """Where very many files lie, a change of what no listing shows, as of a status, costs no more than
    elsewhere.
    """
    studio = MemoryStudio()
    studio.write("shots/a.blend", b"a")
    namespace = namespace_of(studio)
    folder = at(namespace, "shots")
    assert isinstance(folder, Folder)
    before = namespace.children(folder)
    studio.change("shots/a.blend", status="wip")
    news = catch_up(namespace, studio)
    assert namespace.children(folder) is before
    assert news.names == []
    assert folder.ino in news.attributes
    studio.change("shots/a.blend", name="b")
    assert (folder.ino, b"b.blend") in catch_up(namespace, studio).names
