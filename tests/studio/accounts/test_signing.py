"""Signed addresses."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mountfs.errors import AddressInvalid, StudioDataError
from mountfs.studio.signing import Signer, make_key, read_signer, rotate_key

KEY, OTHER, THIRD = b"k" * 32, b"o" * 32, b"t" * 32
SIGNED: dict[str, Any] = {"method": "GET", "key": "chunks/ab/cd", "length": 4096, "expires": 1000}


def signed(signer: Signer) -> str:
    return signer.sign("GET", "chunks/ab/cd", 4096, 1000)


def test_an_address_is_good_for_what_it_says_until_it_expires():
    """A mount fetches with it; a second too late it does not."""
    signer = Signer(KEY)
    signer.verify(signed(signer), **SIGNED, now=999.9)
    with pytest.raises(AddressInvalid):
        signer.verify(signed(signer), **SIGNED, now=1000)
    assert len(signed(signer)) == 32


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"key": "chunks/ab/ce"},
        {"key": "chunks/ab/cd4"},
        {"length": 4097},
        {"length": 409},
        {"expires": 1001},
        {"expires": 10**12},
    ],
    ids=str,
)
def test_a_changed_address_is_refused(changed: dict[str, object]):
    """Nobody makes of one right another one: not of reading writing, not of one chunk the next."""
    signer = Signer(KEY)
    with pytest.raises(AddressInvalid) as refused:
        signer.verify(signed(signer), **{**SIGNED, **changed}, now=0)
    assert signed(signer) not in str(refused.value)


def test_parts_do_not_run_into_each_other():
    """Moving a letter from one part to the next makes another address."""
    signer = Signer(KEY)
    assert signer.sign("GET", "a/1", 23, 4) != signer.sign("GET", "a/", 123, 4)
    assert signer.sign("GET", "a", 1, 23) != signer.sign("GET", "a", 12, 3)
    assert signer.sign("GETa", "b", 1, 2) != signer.sign("GET", "ab", 1, 2)


@pytest.mark.parametrize("nonsense", ["", "x", "\ud800", "ä" * 32, "A" * 10_000], ids=len)
def test_any_text_is_taken_for_a_wrong_signature(nonsense: str):
    """What a client sends can be anything, and breaks nothing."""
    with pytest.raises(AddressInvalid):
        Signer(KEY).verify(nonsense, **SIGNED, now=0)


def test_another_studios_signature_is_refused():
    """Only this studio's key makes addresses that count."""
    with pytest.raises(AddressInvalid):
        Signer(KEY).verify(signed(Signer(OTHER)), **SIGNED, now=0)


def test_after_a_rotation_the_last_key_still_counts_and_the_one_before_does_not(tmp_path: Path):
    """A transfer under way goes on; a second rotation ends everything that is old."""
    path = tmp_path / "signing.key"
    make_key(path)
    first = signed(read_signer(path))
    rotate_key(path)
    rotated = read_signer(path)
    assert signed(rotated) != first
    rotated.verify(first, **SIGNED, now=0)
    rotate_key(path)
    read_signer(path).verify(signed(rotated), **SIGNED, now=0)
    with pytest.raises(AddressInvalid):
        read_signer(path).verify(first, **SIGNED, now=0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["signing.key"]


def test_a_key_is_nobody_elses_and_is_never_replaced_by_accident(tmp_path: Path):
    """The file is private from its first moment on, whatever the umask."""
    path = tmp_path / "signing.key"
    before = os.umask(0)
    try:
        make_key(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(StudioDataError):
        make_key(path)


def test_a_key_that_others_may_have_read_signs_nothing(tmp_path: Path):
    """Nor does one that is missing, a symlink, or damaged."""
    path = tmp_path / "signing.key"
    with pytest.raises(StudioDataError, match="cannot be read"):
        read_signer(path)
    make_key(path)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(StudioDataError, match="cannot be read"):
        read_signer(tmp_path / "link")
    path.chmod(0o640)
    with pytest.raises(StudioDataError, match="others may read"):
        read_signer(path)
    path.chmod(0o600)
    for content in (b"", b"short\n", b"\xff\xfe\n", b"A" * 44 + b"\n" + b"!" * 44):
        path.write_bytes(content)
        with pytest.raises(StudioDataError, match="no signing key"):
            read_signer(path)


def test_a_signer_does_not_show_its_keys():
    """Not in a log, not in a traceback."""
    shown = repr(Signer(KEY, OTHER))
    assert "kkk" not in shown
    assert "ooo" not in shown
    with pytest.raises(ValueError, match="at least 32"):
        Signer(THIRD, b"")
