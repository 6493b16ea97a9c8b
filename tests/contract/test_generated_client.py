"""Another team's first day: generate a typed client, and do the main job with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.kernel.settings import Settings
from app.main import create_app
from tests.contract.conftest import Running

WALK = Path(__file__).with_name("walk.py")
TOOLS = Path(sys.executable).parent
# The generator's own client.py hands `*args: object` to httpx.
MYPY = "[mypy]\nstrict = true\ncache_dir = {cache}\n[mypy-bellwether_client.client]\nignore_errors = true\n"

pytestmark = pytest.mark.contract


def run(*command: str | Path, cwd: Path) -> None:
    environment = os.environ | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(cwd)}
    done = subprocess.run(  # noqa: S603 - our own tools
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def client_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `bellwether_client` has been generated, with nothing left out."""
    home = tmp_path_factory.mktemp("client")
    (home / "openapi.json").write_text(json.dumps(create_app(Settings()).openapi()))
    generate = (TOOLS / "openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none")
    run(*generate, "--output-path", "bellwether_client", "--fail-on-warning", cwd=home)
    return home


def test_every_operation_is_a_function_of_the_client(client_package: Path) -> None:
    wanted = {
        operation["operationId"]
        for item in create_app(Settings()).openapi()["paths"].values()
        for operation in item.values()
    }
    made = {path.stem for path in (client_package / "bellwether_client" / "api").glob("*/*.py")} - {"__init__"}
    assert made == wanted


def test_the_client_and_what_uses_it_pass_mypy(client_package: Path) -> None:
    (client_package / "mypy.ini").write_text(MYPY.format(cache=client_package / "cache"))
    run(TOOLS / "mypy", "--config-file", "mypy.ini", "bellwether_client", WALK, cwd=client_package)


def test_the_main_job_is_walked_with_the_client_alone(client_package: Path, empty_service: Running) -> None:
    program = (
        f"import runpy; runpy.run_path({str(WALK)!r})['walk']({empty_service.url!r}, {empty_service.token!r}, 'A')"
    )
    run(sys.executable, "-W", "error", "-c", program, cwd=client_package)
