"""Making a studio: a folder that is closed to others, with a book of accounts and a signing key."""

from __future__ import annotations

import os
from pathlib import Path

from mountfs.config import private_folder
from mountfs.errors import StudioDataError
from mountfs.studio.accounts import create
from mountfs.studio.accounts.database import FILE_NAME
from mountfs.studio.data_folder import CHUNKS, PROJECTS
from mountfs.studio.signing import SIGNING_KEY, make_key


def make_studio(folder: Path) -> str:
    """Make a studio, and the secret that makes its first admin, which is told here and never again.

    StudioDataError when there is one, or anything else, already; ConfigError when the folder is somebody
    else's. The key comes first, so that a studio whose making was stopped is none, and can be made again.
    """
    if folder.exists() and not folder.is_dir():
        raise StudioDataError(f"{folder} is no folder")
    if not (folder / FILE_NAME).exists() and folder.exists() and {*os.listdir(folder)} - {SIGNING_KEY}:
        raise StudioDataError(f"there is something in {folder} already: a studio has a folder of its own")
    private_folder(folder.absolute())
    key = folder / SIGNING_KEY
    if not key.exists() and not (folder / FILE_NAME).exists():
        make_key(key)
    secret = create(folder)
    for below in (PROJECTS, CHUNKS):
        private_folder(folder.absolute() / below)
    return secret
