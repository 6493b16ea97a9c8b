"""`bellwether import` and `export` as processes: what they print, and how they end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from tests.cli.test_command_line import bellwether
from tests.conftest import Server


@pytest.fixture(scope="module")
def url(server: Server) -> Iterator[str]:
    name = server.clone()
    yield server.database(name)
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


def test_from_a_dry_run_to_an_export(url: str, tmp_path: Path) -> None:
    file, mapping, rejects = tmp_path / "goods.txt", tmp_path / "goods.toml", tmp_path / "rejects.csv"
    file.write_text("code;label;weight\nTEA;Tee;1\nCAKE;;2\nPIE;Kuchen;3\n")
    mapping.write_text('delimiter = ";"\nignore = ["weight"]\n[fields]\nsku = "code"\nname = "label"\n')
    asked = ("import", "products", str(file), "--format", "csv", "--mapping", str(mapping), "--rejects", str(rejects))

    dry = bellwether(*asked, "--dry-run", database_url=url)
    assert (dry.returncode, dry.stderr) == (1, "")
    assert "a dry run, nothing is kept" in dry.stdout
    assert bellwether("export", "products", database_url=url).stdout.count("\n") == 1

    done = bellwether(*asked, database_url=url)
    assert done.returncode == 1, done
    assert [line.split() for line in done.stdout.splitlines()[1:6]] == [
        ["read", "3"], ["created", "2"], ["updated", "0"], ["unchanged", "0"], ["rejected", "1"],
    ]  # fmt: skip
    assert f"are in {rejects}, with reasons" in done.stdout
    assert rejects.read_text() == "reject_reason;code;label;weight\nlabel: Field required;CAKE;;2\n"
    mended = tmp_path / "mended.csv"
    mended.write_text(rejects.read_text().replace("CAKE;", "CAKE;Kuchen"))
    again = bellwether("import", "products", str(mended), "--mapping", str(mapping), database_url=url)
    assert (again.returncode, again.stderr) == (0, "")

    output = tmp_path / "products.ndjson"
    exported = bellwether("export", "products", "--output", str(output), "--where", "name=Kuchen", database_url=url)
    assert (exported.returncode, exported.stdout, exported.stderr) == (0, "", "exported 2 products\n")
    assert output.read_text().count('"name": "Kuchen"') == 2
    assert sorted(each.name for each in tmp_path.glob("products*")) == ["products.ndjson"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("import", "products", "{none}", "--format", "csv"), "cannot read"),
        (("import", "products", "{file}"), "say --format"),
        (("import", "products", "{csv}"), "nothing says what becomes of the columns colour"),
        (("import", "products", "{csv}", "--delimiter", "ab"), "the delimiter is one character"),
        (("import", "products", "{csv}", "--mapping", "{csv}"), "is no TOML"),
        (("import", "products", "{csv}", "--rejects", "{csv}"), "would overwrite the file"),
        (("export", "products", "--where", "colour=red"), "there is no field colour"),
        (("export", "products", "--where", "colour"), "--where says NAME=VALUE"),
        (("export", "products", "--output", "{none}/x.csv"), "cannot write"),
    ],
    ids=str,
)
def test_what_cannot_be_done_ends_with_one_line_and_2(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    for name in ("rows.txt", "rows.csv"):
        (tmp_path / name).write_text("sku,name,colour\nTEA,Tea,green\n")
    names = {"none": tmp_path / "none", "file": tmp_path / "rows.txt", "csv": tmp_path / "rows.csv"}
    monkeypatch.setenv("BELLWETHER_DATABASE_URL", url)
    done = CliRunner().invoke(cli, [each.format(**names) for each in arguments])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.output
    assert done.stderr.startswith("bellwether: ")
    assert says in done.stderr
