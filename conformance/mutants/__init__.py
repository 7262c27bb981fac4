"""Stores that are deliberately wrong in one way each, and proof that the suite catches every one of them.

`python -m conformance mutants` runs each against the cases that it names. A mutant is declared where its fault is: one
module per chapter of the requirements. Controls are stores that are changed and still right.
"""


def main(arguments: list[str]) -> int:
    """Run the mutants, and return the exit status."""
    from conformance.mutants.command import main as run  # an opener is imported from here where there is no Redis

    return run(arguments)
