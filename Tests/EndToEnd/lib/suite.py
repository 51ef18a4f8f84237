"""A script of end-to-end tests: behaviours, each a function, and their count in the end.

    @test("an unknown key is refused with the nearest one")
    def _(folder): ...

    main()

A test gets an empty folder of its own; what several tests use is made once in `shared_folder()`. A test passes unless
it raises. With arguments, only behaviours that contain one of
them run. The last line is `N passed, N failed[, N skipped]`, as scripts/test reads it.
"""

import functools
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

_tests = []
_shared = None


class Failure(Exception):
    """An expectation that did not hold."""


class Skip(Exception):
    """This machine lacks what a test needs."""


def test(behaviour):
    """States a behaviour."""

    def register(body):
        _tests.append((behaviour, body))
        return body

    return register


def expect(condition, detail):
    """Fails the test that runs, with `detail`, unless the condition holds."""
    if not condition:
        raise Failure(detail)


def expect_equal(found, wanted, what):
    """Fails the test that runs unless the two are equal."""
    expect(found == wanted, f"{what} is {found!r} instead of {wanted!r}")


def shared_folder():
    """A folder that all tests of the script share."""
    return _shared


def fixture(body):
    """What several tests share: made once, by the first that asks. One that could not be made leaves nothing in the shared
    folder that would fail the tests after: the next that asks tries again."""
    made = {}

    @functools.wraps(body)
    def get(*arguments):
        if arguments not in made:
            before = set(_shared.iterdir())
            try:
                made[arguments] = body(*arguments)
            except BaseException:
                for entry in set(_shared.iterdir()) - before:
                    shutil.rmtree(entry, ignore_errors=True)
                raise
        return made[arguments]

    return get


def script_folder():
    """A folder for what the script itself needs, beside what its tests make."""
    folder = _shared.parent / "script"
    folder.mkdir(exist_ok=True)
    return folder


def main():
    """Runs the tests and ends the script."""
    global _shared
    words = sys.argv[1:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with tempfile.TemporaryDirectory(prefix="fedcrld-endtoend-") as root:
        _shared = Path(root) / "shared"
        _shared.mkdir()
        for number, (behaviour, body) in enumerate(_tests):
            if words and not any(word in behaviour for word in words):
                continue
            folder = Path(root) / str(number)
            folder.mkdir()
            start = time.monotonic()
            detail = ""
            try:
                body(folder)
                outcome = "passed"
            except Skip as reason:
                outcome, detail = "skipped", str(reason)
            except Failure as failure:
                outcome, detail = "failed", str(failure)
            except Exception as error:
                # What it was comes first: a summary may show the first lines only.
                outcome, detail = "failed", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
            counts[outcome] += 1
            print(f"{outcome:7} {time.monotonic() - start:5.1f} s  {behaviour}", flush=True)
            for line in detail.splitlines():
                print(f"        | {line}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    sys.exit(1 if counts["failed"] else 0)
