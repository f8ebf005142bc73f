"""What GitHub reads is valid, and no workflow may do more than it needs to."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from tests.project.scratch_book import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("github-workflows", WORKFLOWS),
        ("dependabot", [ROOT / ".github" / "dependabot.yml"]),
        ("citation-file-format", [ROOT / "CITATION.cff"]),
    ],
)
def test_files_are_valid(schema, paths):
    assert paths
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def jobs(path):
    return yaml.safe_load(path.read_text())["jobs"]


@each_workflow
def test_workflows_may_only_read_and_end_in_time(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    assert all(0 < job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())
    assert "pull_request_target" not in path.read_text()  # which would hand its rights to other people's code


@each_workflow
def test_jobs_that_may_write_run_no_code_of_the_repository(path):
    for job in jobs(path).values():
        if "write" in job.get("permissions", {}).values():
            assert not [step for step in job["steps"] if "run" in step or "checkout" in step["uses"]]


@each_workflow
def test_actions_are_github_s_own_and_pinned(path):
    # A tag can be moved to other code, a commit cannot; Dependabot renews both the hash and the version behind it.
    used = re.findall(r"\buses: *(.*)", path.read_text())
    assert len(used) == sum("uses" in step for job in jobs(path).values() for step in [job, *job.get("steps", [])])
    assert not [action for action in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)]


def test_dependabot_renews_the_pins_of_actions():
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    assert "github-actions" in [update["package-ecosystem"] for update in updates]


@each_workflow
def test_what_a_pull_request_can_name_is_not_pasted_into_a_shell(path):
    scripts = [step["run"] for job in jobs(path).values() for step in job["steps"] if "run" in step]
    assert not [script for script in scripts if "${{" in script]


def test_only_a_tested_book_of_the_default_branch_is_published():
    book = jobs(ROOT / ".github" / "workflows" / "book.yml")
    assert "test" in book["publish"]["needs"]
    [upload] = [step for step in book["test"]["steps"] if "upload" in step.get("uses", "")]
    for condition in (book["publish"]["if"], upload["if"]):
        assert "github.event_name == 'push' && github.ref_name == github.event.repository.default_branch" in condition
    assert {"run": "bash .ci/run"} in book["test"]["steps"]
    assert book["test"]["env"]["BOOK_REPOSITORY"] == "${{ github.server_url }}/${{ github.repository }}"


def test_the_oldest_python_is_tested():
    minimum = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    book = jobs(ROOT / ".github" / "workflows" / "book.yml")
    assert book["test"]["strategy"]["matrix"]["python"][0] == minimum


def test_the_citation_names_the_paper_as_the_readme_does():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in project["authors"]]

    bibtex = re.search(r"```bibtex\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    fields = {name: " ".join(value.split()) for name, value in re.findall(r"(\w+)\s*= \{(.*?)\}", bibtex, re.DOTALL)}
    paper = citation["preferred-citation"]
    assert (
        " and ".join(f"{author['family-names']}, {author['given-names']}" for author in paper["authors"]) == fields["author"]
    )
    for name in ("title", "journal", "year", "url"):
        assert str(paper[name]) == fields[name]
    assert [identifier["value"] for identifier in paper["identifiers"]] == [fields["note"]]
