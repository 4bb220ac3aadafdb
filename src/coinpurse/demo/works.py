"""The gallery: pictures and what is known of them, as files in a folder, so that they survive a restart."""

import hashlib
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

NAME = re.compile(r"[0-9]{13}-[0-9a-f]{12}")
THUMB = 480


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at a picture. `file` is None where it failed; `credits` is what was spent."""

    id: str
    customer: str
    operation: str
    prompt: str
    take: int
    credits: int
    file: str | None
    thumb: str | None
    width: int = 0
    seconds: int | None = None
    of: str | None = None


class Gallery:
    """All works, in one folder per customer. The name of a work begins with its time, so names sort by
    age."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def works(self, customer: str) -> list[Work]:
        """A customer's works, newest first."""
        return sorted(
            (work for work in self._records(customer) if work.file), key=lambda w: w.id, reverse=True
        )

    def get(self, customer: str, id: str) -> Work | None:
        """One work of a customer."""
        path = self.folder / customer / f"{id}.json"
        return _read(path) if NAME.fullmatch(id) and path.is_file() else None

    def takes(self, customer: str, prompt: str) -> int:
        """How often a prompt was tried, failures included: each try gives another picture."""
        return sum(work.prompt == prompt and work.of is None for work in self._records(customer))

    def made_for(self, customer: str, key: str) -> Work | None:
        """The work that a request has made already."""
        return next((work for work in self._records(customer) if work.id.endswith(_mark(key))), None)

    def _records(self, customer: str) -> Iterator[Work]:
        folder = self.folder / customer
        return (_read(path) for path in folder.glob("*.json")) if folder.is_dir() else iter(())

    def new_id(self, key: str) -> str:
        """A name for the work that a request makes."""
        return f"{time.time_ns() // 1_000_000:013d}-{_mark(key)}"

    def keep(self, work: Work, content: bytes | None, thumb: bytes | None) -> None:
        """Writes a work: its files first, so that a record never names a file that isn't there."""
        folder = self.folder / work.customer
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in ((work.file, content), (work.thumb, thumb)):
            if name and data:
                (folder / name).write_bytes(data)
        partial = folder / f"{work.id}.part"
        partial.write_text(json.dumps(asdict(work)), "utf-8")
        partial.replace(folder / f"{work.id}.json")

    def path(self, customer: str, file: str) -> Path | None:
        """Where a file of a customer is; None where there is none."""
        path = self.folder / customer / file
        return path if re.fullmatch(NAME.pattern + r"(-s)?\.(png|webp)", file) and path.is_file() else None


def _mark(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def _read(path: Path) -> Work:
    return Work(**json.loads(path.read_text("utf-8")))


def png(image: Image.Image) -> bytes:
    """A picture as a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=4)
    return file.getvalue()


def small(image: Image.Image) -> bytes:
    """A small copy for the gallery."""
    file = io.BytesIO()
    image.resize((THUMB, THUMB), Image.Resampling.LANCZOS).save(file, "WEBP", quality=82)
    return file.getvalue()
