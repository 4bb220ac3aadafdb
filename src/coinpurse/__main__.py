"""`python -m coinpurse` is the command line too."""

from coinpurse.cli import main

main(prog_name="coinpurse")
