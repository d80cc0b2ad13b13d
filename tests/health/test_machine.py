"""The checks of disk and memory, on a machine that is made of files."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from asgi_patterns.health import Check, Health, machine
from asgi_patterns.testing import Client, hello

GB = 10**9
BEARER = {"authorization": "Bearer s3cret"}


async def found(check: Check) -> tuple[str, object]:
    client = Client(Health(checks=[check], details_token="s3cret")(hello), headers=BEARER)
    (line,) = (await client.get("/health")).json()["checks"].values()
    return line["status"], line.get("details")


DISKS: list[tuple[str, str | int, int, str]] = [
    ("more than enough", "500MB", GB, "UP"),
    ("exactly enough", "500MB", 500_000_000, "UP"),
    ("a byte too little", "500MB", 499_999_999, "DOWN"),
    ("a number of bytes", 500, 499, "DOWN"),
    ("a share that is there", "5%", GB, "UP"),
    ("a share that is exactly there", "5%", GB // 2, "UP"),
    ("a share that is not there", "5%", GB // 2 - 1, "DOWN"),
    ("nothing left", "1B", 0, "DOWN"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("wanted", "free", "status"), [row[1:] for row in DISKS], ids=[row[0] for row in DISKS]
)
async def test_a_disk(
    wanted: str | int, free: int, status: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def usage(folder: Path) -> SimpleNamespace:
        assert folder == tmp_path
        return SimpleNamespace(total=10 * GB, free=free)

    monkeypatch.setattr(shutil, "disk_usage", usage)

    assert (await found(Check(disk=tmp_path, free=wanted)))[0] == status


@pytest.mark.anyio
async def test_details_of_a_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=20 * GB, free=1.2 * GB))

    assert await found(Check(disk=tmp_path, free="10%")) == (
        "DOWN",
        "1.2 GB of 20 GB free, at least 10% wanted",
    )


@pytest.mark.anyio
async def test_the_disk_of_this_machine_has_a_byte_left(tmp_path: Path) -> None:
    assert (await found(Check(disk=tmp_path, free="1B")))[0] == "UP"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("folder", "error"),
    [("missing", "FileNotFoundError"), ("no\0path", "ValueError")],
    ids=["missing", "NUL"],
)
async def test_a_disk_that_is_not_there_is_down_and_its_path_is_not_shown(
    folder: str, error: str, tmp_path: Path
) -> None:
    assert await found(Check(disk=tmp_path / folder, free="1B")) == ("DOWN", error)


PAGE = os.sysconf("SC_PAGE_SIZE")
MEMINFO = "MemTotal:       {} kB\nMemFree:          1 kB\nMemAvailable:   {} kB\nHugePages_Total:  0\n"


def build(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 1000 kB, half of it in use, on which the process has ten pages."""
    monkeypatch.setattr(machine, "PROC", tmp_path / "proc")
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroup")
    build(
        tmp_path,
        {
            "proc/meminfo": MEMINFO.format(1000, 500),
            "proc/self/statm": "90 10 5 1 0 9 0\n",
            "proc/self/cgroup": "0::/\n",
        },
    )
    return tmp_path


def group(name: str, *, limit: str, current: int, inactive: int = 0) -> dict[str, str]:
    folder = f"cgroup/{name}" if name else "cgroup"
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{current}\n",
        f"{folder}/memory.stat": f"anon 1\ninactive_file {inactive}\nactive_file 2\n",
    }


FULL = group("", limit="1000", current=950)

MEMORIES: list[tuple[str, str, dict[str, str], str]] = [
    ("half of the machine", "50%", {}, "UP"),
    ("more than half of it", "49.9%", {}, "DOWN"),
    ("a container that is full", "90%", FULL, "DOWN"),
    ("a container with room", "90%", group("", limit="1000", current=900), "UP"),
    ("a container one byte further", "90%", group("", limit="1000", current=901), "DOWN"),
    (
        "cached files do not count",
        "90%",
        group("", limit="1000", current=950, inactive=50),
        "UP",
    ),
    ("a container without a limit", "50%", group("", limit="max", current=999), "UP"),
    ("a limit of nothing", "50%", group("", limit="0", current=0), "UP"),
    (
        "its own group",
        "90%",
        {"proc/self/cgroup": "0::/shop.slice/shop\n", **group("shop.slice/shop", limit="9", current=9)},
        "DOWN",
    ),
    (
        "the group above",
        "90%",
        {"proc/self/cgroup": "0::/shop.slice/shop\n", **group("shop.slice", limit="9", current=9)},
        "DOWN",
    ),
    (
        "another group",
        "90%",
        {"proc/self/cgroup": "0::/shop\n", **group("other", limit="9", current=9)},
        "UP",
    ),
    ("a path that is only known outside", "90%", {"proc/self/cgroup": "0::/docker/1f\n", **FULL}, "DOWN"),
    ("a path above what can be seen", "90%", {"proc/self/cgroup": "0::/../../shop\n", **FULL}, "DOWN"),
    (
        "controllers of version 1 beside it",
        "90%",
        {"proc/self/cgroup": "4:memory:/a\n0::/\n", **FULL},
        "DOWN",
    ),
    ("a group that says half", "90%", {"cgroup/memory.max": "9\n"}, "UP"),
    ("a group that says nonsense", "90%", {**FULL, "cgroup/memory.current": "many\n"}, "UP"),
    ("a size is for the process", str(10 * PAGE), FULL, "UP"),
    ("the process has a byte too much", str(10 * PAGE - 1), {}, "DOWN"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("most", "files", "status"), [row[1:] for row in MEMORIES], ids=[row[0] for row in MEMORIES]
)
async def test_memory(most: str, files: dict[str, str], status: str, here: Path) -> None:
    build(here, files)

    assert (await found(Check(memory=most)))[0] == status


async def details(most: str) -> object:
    return (await found(Check(memory=most)))[1]


@pytest.mark.anyio
async def test_details_of_memory(here: Path) -> None:
    build(here, group("", limit="2000", current=1900))

    assert await details("90%") == "95.0% of 2.0 kB in use, at most 90% wanted"
    assert await details("1GB") == f"{10 * PAGE / 1000:.0f} kB resident, at most 1.0 GB wanted"


@pytest.mark.anyio
async def test_a_machine_without_groups_has_memory_all_the_same(here: Path) -> None:
    (here / "proc/self/cgroup").unlink()

    assert (await found(Check(memory="51%")))[0] == "UP"


@pytest.mark.anyio
@pytest.mark.skipif(not machine.tells_memory(), reason="memory is read from files that only Linux has")
@pytest.mark.parametrize("most", ["99.9%", "1TB"])
async def test_the_memory_of_this_machine(most: str) -> None:
    status, said = await found(Check(memory=most))

    assert status == "UP", said


def test_a_system_that_does_not_tell_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "PROC", tmp_path)

    with pytest.raises(ValidationError, match=r"(?s)^.*\nmemory\n.*no /proc/meminfo: leave it out"):
        Check(memory="90%")


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("disk", {"disk": "/", "free": "1B"}),
    ("memory", {"memory": "99%"}),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "fields"), KINDS, ids=[row[0] for row in KINDS])
async def test_in_the_form_of_the_draft_it_is_the_system(
    name: str, fields: dict[str, Any], here: Path
) -> None:
    app = Health(checks=[Check(**fields)])(hello)

    answer = await Client(app).get("/health", headers={"accept": "application/health+json"})

    (line,) = answer.json()["checks"][f"{name}:responseTime"]
    assert (line["status"], line["componentType"]) == ("pass", "system")
