"""Counts what held and what did not, for the oracle scripts of this folder."""
import sys

failures = []
passed = 0


def check(what, condition):
    """Notes that `condition` should hold; says so at once if it does not."""
    global passed
    if condition:
        passed += 1
    else:
        failures.append(what)
        print(f"FAILED {what}")


def finish():
    """Prints the sum and ends the process: 0 if everything held."""
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)
