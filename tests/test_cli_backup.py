"""`fupin backup`, `restore` and `upgrade` as an operator meets them: sentences, exit codes, what is left in the folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import forget, widen
from test_cli_bank import PLAN, Desk

if os.environ.get("FUPIN_TEST_DATABASE_URL"):
    pytest.skip("the command line brings its own server", allow_module_level=True)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in [name for name in os.environ if name.startswith(("FUPIN_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FUPIN_DATA", str(tmp_path / "data"))
    widen(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN)
    yield Desk(tmp_path, capsys, monkeypatch)
    for name in ("data", "other"):
        forget(tmp_path / name)


def test_books_are_backed_up_and_put_back_elsewhere(desk: Desk) -> None:
    assert "nothing to back up" in desk.run("backup", code=1)
    assert "1 night" not in desk.run("begin", "plan.toml")
    desk.run("close")
    assert "data.key is not in it: keep a copy of the key elsewhere" in desk.run("backup")
    (saved,) = (desk.folder / "data.backups").iterdir()
    assert "the database is not empty (数据库非空)" in desk.run("restore", str(saved), code=1)

    desk.monkeypatch.setenv("FUPIN_DATA", str(desk.folder / "other"))
    (desk.folder / "cut").mkdir()
    for path in saved.iterdir():
        (desk.folder / "cut" / path.name).write_bytes(path.read_bytes()[:-9] if path.suffix == ".dump" else path.read_bytes())
    assert "备份不完整" in desk.run("restore", "cut", code=1)
    assert "is no backup of fupin" in desk.run("restore", "plan.toml", code=1)
    assert not (desk.folder / "other").exists()

    said = desk.run("restore", str(saved))
    assert "business date 2017-03-02 (营业日), last closed 2017-03-01 (日终)" in said
    assert "all ok (全部相符)" in said
    assert f"put the key file (密钥文件) of these books at {Path('other.key')}" in said.replace(f"{desk.folder}/", "")
    assert "无需升级" in desk.run("upgrade")
    (desk.folder / "other.key").write_bytes((desk.folder / "data.key").read_bytes())
    assert "create_distributed_table('ledger.posting', 'book_id'" in desk.run("scale", "plan", "--engine", "citus")
    assert "FUPIN_PARTITION_ABOVE" in desk.run("scale", "partition", code=2)
    desk.monkeypatch.setenv("FUPIN_PARTITION_ABOVE", "0")
    assert "books above 0 rows have parts of their own (分区)" in desk.run("scale", "partition")
    assert "nothing was changed" in desk.run("scale", "partition")
    assert "0 books above 1000000 rows" in desk.run("scale", "partition", "--above", "1000000")
    assert "all ok" in desk.run("verify")
    desk.monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@/none?host=/nowhere")
    assert "--from" in desk.run("upgrade", code=1)
    assert "DATABASE_URL is not the address" in desk.run("upgrade", "--from", "mysql://x", code=1)
