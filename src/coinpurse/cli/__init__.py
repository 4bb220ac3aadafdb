"""The command line: `coinpurse …`."""

import click

from coinpurse import __version__


@click.group()
@click.version_option(__version__, package_name="coinpurse")
def main() -> None:
    """Coinpurse: the credit system for AI apps."""
