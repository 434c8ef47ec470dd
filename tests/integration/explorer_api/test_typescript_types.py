"""Types of the TypeScript client: those of the API, and strict."""

import json

from tests.integration.explorer_api.typescript_clients import SOURCE, require_node, run


def test_generated_types_are_those_of_the_document() -> None:
    require_node()
    _, *arguments = json.loads((SOURCE / "package.json").read_text())["scripts"]["generate"].split()
    done = run("openapi-typescript", *arguments, "--check")
    assert done.returncode == 0, f"run `npm run generate` in clients/typescript\n{done.stdout}{done.stderr}"


def test_client_examples_and_mistakes_compile_as_they_should() -> None:
    require_node()
    done = run("tsc", "--noEmit")
    assert (done.returncode, done.stdout) == (0, "")


def test_lock_names_no_host() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
    assert set(json.loads((SOURCE / "package.json").read_text())["dependencies"]) == {"openapi-fetch"}
