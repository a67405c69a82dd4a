"""The demonstration: a fictional territoire to try Relais on, and its journey played from end to end."""

from relais.demonstration.chargement import load_demo

__all__ = ["load_demo", "run"]


def run() -> int:
    """Play the journey of the demo; the exit code is 0 when every promise held."""
    from relais.demonstration.recit import raconter  # noqa: PLC0415 - starts a whole town: only who plays it pays

    return raconter()
