"""Media that ask for more: no connection is made, no other file is read, and only their own samples are lost."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.media.locations import MediaLocation
from dj_assets.media.reader import MediaReader
from dj_assets.media.request import Limits, Request
from tests.hostile.media import playlists
from tests.hostile.servers import Listener
from tests.media import features, made

PROCESS = [
    "video_duration_filter",
    "video_resolution_filter",
    {"video_motion_score_filter": {"min_score": -1}},
    "video_deduplicator",
]


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


@pytest.fixture
def hostile(tmp_path: Path, listener: Listener) -> dict[str, bytes]:
    private = made.clip(tmp_path / "elsewhere.mp4", 30, seed=7)
    return dict(playlists(f"http://127.0.0.1:{listener.port}/latest/meta-data/iam.ts", private))


def run(folder: Path, records: list[dict[str, Any]] | None, **recipe: Any) -> dict[str, str]:
    """Run a recipe and return the error of every quarantined sample by its clip."""
    inputs = folder / "in.jsonl"
    if records is not None:
        inputs.write_text("".join(json.dumps(record) + "\n" for record in records))
    recipe = {"process": PROCESS, **recipe}
    result = dj_assets.run_recipe(recipe, [recipe.pop("inputs", inputs)], folder / "out", workers=1)
    assert result.samples_in == result.samples_out + result.dropped + result.quarantined
    quarantine = pq.read_table(folder / "out/quarantine.parquet").to_pylist()
    refined = pq.read_table(folder / "out/refined").to_pylist()
    assert len(refined) == 1, "the healthy clip is kept"
    return {row["id"]: row["error"] for row in quarantine}


def test_files_in_the_media_root(tmp_path: Path, hostile: dict[str, bytes], listener: Listener) -> None:
    root = tmp_path / "root"
    root.mkdir()
    made.clip(root / "healthy.mp4", 20)
    for name, content in hostile.items():
        (root / name).write_bytes(content)
    names = [*hostile, "healthy.mp4"]
    errors = run(root, [{"id": name, "text": name, "videos": [name]} for name in names])
    assert set(errors) == set(hostile)
    assert (
        "hls_http.mp4: is no clip that can be read: it is an HLS playlist, which names other" in errors["hls_http.mp4"]
    )
    assert "session description" in errors["sdp.mp4"]
    assert "concat script" in errors["concat.mp4"]
    assert "frames are in other files" in errors["external.mov"]
    assert "DASH manifest" in errors["dash_http.mp4"]
    assert listener.requests == []


def test_members_of_an_archive(tmp_path: Path, hostile: dict[str, bytes], listener: Listener) -> None:
    made.clip(tmp_path / "healthy.mp4", 20)
    archive = tmp_path / "wds.tar"
    with tarfile.open(archive, "w") as tar:
        for name, content in {**hostile, "healthy.mp4": (tmp_path / "healthy.mp4").read_bytes()}.items():
            for ending, part in ((".mp4", content), (".txt", b"a caption")):
                member = tarfile.TarInfo(f"{Path(name).stem}{ending}")
                member.size = len(part)
                tar.addfile(member, io.BytesIO(part))
    source = {"paths": [str(archive)], "format": "webdataset"}
    asset = {"subset": "hostile", "group": "hostile", "source": source}
    errors = run(tmp_path, None, asset=asset, inputs=archive)
    assert set(errors) == {Path(name).stem for name in hostile}
    assert listener.requests == []


def test_images_in_cells_and_urls(tmp_path: Path, hostile: dict[str, bytes], listener: Listener) -> None:
    image = made.image(tmp_path / "healthy.png").read_bytes()
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:{listener.port}/a.png"/></svg>'
    cells = {**hostile, "a.svg": svg.encode(), "a.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"}
    rows = [{"id": name, "text": name, "images": [name], "image_bytes": [content]} for name, content in cells.items()]
    rows.append({"id": "healthy", "text": "", "images": ["healthy.png"], "image_bytes": [image]})
    rows.append({"id": "url", "text": "", "images": [f"http://127.0.0.1:{listener.port}/a.png"], "image_bytes": [None]})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    process = ["image_shape_filter", {"image_deduplicator": {"method": "dhash"}}]
    errors = run(tmp_path, None, process=process, inputs=tmp_path / "in.parquet")
    assert set(errors) == {*cells, "url"}
    assert listener.requests == []


def test_the_sandbox_holds_where_a_decoder_follows_a_playlist(
    tmp_path: Path, hostile: dict[str, bytes], listener: Listener
) -> None:
    """Without allow lists of formats and protocols FFmpeg connects, which the first half of the test makes sure of."""
    requests = [
        Request(MediaLocation(name, content=content), (features.Follows(),)) for name, content in hostile.items()
    ]
    for mode in ("off", "require"):
        reads = MediaReader(Limits(30, 4_000_000_000, sandbox=mode))
        reads.read(requests).result(timeout=300)
        reads.close()
        assert bool(listener.requests) == (mode == "off")
        listener.requests.clear()


TRACED = """
import json, sys
from pathlib import Path
from dj_assets.media.locations import MediaLocation
from dj_assets.media.reader import MediaReader
from dj_assets.media.request import Limits, Request
from dj_assets.media.thumbnails import ClipThumbnail, ImageThumbnail
from dj_assets.operators import registry
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.kinds.media_maker import MediaMaker
GIVEN = {"video_ffmpeg_wrapped_mapper": {"filter_name": "hflip"}, "image_resize_mapper": {"width": 20, "height": 20}}
classes = [registry.find(name) for name in registry.operator_names()]
made = [one() for one in classes if issubclass(one, MediaOperator) and not one.model_json_schema().get("required")]
wanted = tuple({repr(f): f for one in made for f in (*one.features(), ClipThumbnail(64), ImageThumbnail(64))}.values())
reader = MediaReader(Limits(60, 4_000_000_000, sandbox="require"))
paths = sorted(Path(sys.argv[1]).iterdir())
read = reader.read([Request(MediaLocation(str(path)), wanted) for path in paths])
for path, outcomes in zip(paths, read.result(), strict=True):
    print(json.dumps([path.name, {type(f).__name__: type(o).__name__ for f, o in zip(wanted, outcomes, strict=True)}]))
for name in registry.operator_names():
    if issubclass(registry.find(name), MediaMaker):
        making = registry.find(name)(**GIVEN.get(name, {})).making()
        read = reader.read([Request(MediaLocation(str(path)), (making,)) for path in paths])
        for path, (new,) in zip(paths, read.result(), strict=True):
            if isinstance(new, tuple):
                [files] = reader.read([Request(MediaLocation(str(path)), new)]).result() if new else [()]
                print(json.dumps([f"{path.name} {name}", [type(file).__name__ for file in files]]))
reader.close()
"""
# The features of operators that a healthy clip and image have; those of sounds and faces need one.
OF_CLIPS = {"ClipSize", "ClipDuration", "PacketDigest", "MotionScore", "SmallFrames", "ClipThumbnail"}
OF_IMAGES = {"ImageSize", "ImageHash", "GridLines", "Faces", "ImageThumbnail"}
# Operators that make a new file of a healthy clip or image.
MAKERS = {
    "image_blur_mapper",
    "image_resize_mapper",
    "video_extract_frames_mapper",
    "video_ffmpeg_wrapped_mapper",
    "video_split_by_duration_mapper",
    "video_split_by_key_frame_mapper",
}
# Opened by a process that decodes after it was confined: libraries, Python modules and data, compiled kernels, facts
# about the machine, and copies of its input in memory.
ALLOWED = re.compile(
    r"^(/usr/(local/)?lib|/lib(64)?/|/usr/share/locale|/etc/ld\.so\.cache|/etc/localtime|/dev/urandom|/dev/null"
    r"|/proc/(cpuinfo|meminfo|stat|self/(maps|stat|statm|status|fd/\d+)|sys/vm/overcommit_memory)"
    r"|/sys/devices/system/(cpu|node)|/sys/fs/cgroup|{python}|{package})"
)
CALL = re.compile(r"^(\d+)\s+(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)$")
NAMED = re.compile(r'"([^"]*)"')


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs the program strace")
def test_no_socket_and_no_other_file_is_opened(tmp_path: Path, hostile: dict[str, bytes]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name, content in hostile.items():
        (root / name).write_bytes(content)
    made.clip(root / "healthy.mp4", 20)
    made.image(root / "healthy.png")
    log = tmp_path / "calls"
    traced = "trace=socket,connect,bind,open,openat,openat2,execve,execveat,landlock_restrict_self,seccomp"
    strace = ["strace", "-f", "-qq", "-s", "4096", "-e", traced, "-o", str(log)]
    command = [*strace, sys.executable, "-c", TRACED, str(root)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout
    found = dict(json.loads(line) for line in said.splitlines())
    assert {feature for feature, kind in found["healthy.mp4"].items() if kind != "Failed"} >= OF_CLIPS
    assert {feature for feature, kind in found["healthy.png"].items() if kind != "Failed"} >= OF_IMAGES
    # an AVI of nothing but a header has no sound; the playlist in it is not followed
    without_decoding = {"FileBytes", "SoundBytes", "ClipSound"}
    for name in hostile:
        assert {feature for feature, kind in found[name].items() if kind != "Failed"} <= without_decoding, name
    new = {name.split(" ")[1]: name for name, files in found.items() if " " in name and "bytes" in files}
    assert {name for name in new.values() if not name.startswith("healthy")} == set()
    assert new.keys() >= MAKERS
    package = Path(dj_assets.__file__).parent
    allowed = ALLOWED.pattern.format(python=f"{sys.prefix}|{sys.base_prefix}", package=package)
    confined = _calls_when_confined(log)
    opens = [(NAMED.search(rest), "= -1" not in rest) for call, rest in confined if call.startswith("open")]
    tried = [found[1] for found, _ in opens if found]
    names = [found[1] for found, opened in opens if found and opened]
    assert any(name.startswith("/proc/self/fd/") for name in names), "the copies were opened"
    assert [name for name in names if not re.match(allowed, name)] == []
    assert [name for name in tried if str(tmp_path) in name or "elsewhere" in name or "img" in name] == []
    assert [(call, rest) for call, rest in confined if not call.startswith("open") and call != "seccomp"] == []


def _calls_when_confined(log: Path) -> list[tuple[str, str]]:
    """Return the calls of processes and their threads after they took rights away from themselves."""
    confined: set[str] = set()
    calls = []
    for line in log.read_text(errors="replace").splitlines():
        found = CALL.match(line)
        if found is None:
            continue
        process, call, rest = found.groups()
        if call == "landlock_restrict_self":
            confined.add(process)
        elif process in confined:
            calls.append((call, rest))
    assert confined, "a process was confined"
    return calls
