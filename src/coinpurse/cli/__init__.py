"""The command line: `coinpurse …`."""

import click

from coinpurse import __version__
from coinpurse.cli.accounts import accounts
from coinpurse.cli.bench import bench
from coinpurse.cli.books import check, migrate
from coinpurse.cli.credits import balance, charge, explain, grant
from coinpurse.cli.doctor import doctor
from coinpurse.cli.endpoints import endpoints
from coinpurse.cli.events import events
from coinpurse.cli.exporting import export
from coinpurse.cli.importing import import_
from coinpurse.cli.keys import keys
from coinpurse.cli.reconcile import reconcile
from coinpurse.cli.serve import demo, serve, worker
from coinpurse.cli.shard import shard
from coinpurse.cli.simulate import simulate
from coinpurse.cli.staff import staff
from coinpurse.cli.verifying import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="coinpurse")
@click.option("--traceback", is_flag=True, help="Show the traceback of an unexpected error.")
@click.pass_context
def main(context: click.Context, traceback: bool) -> None:
    """Coinpurse: the credit system for AI apps.

    The environment says where things are: COINPURSE_DATABASE_URL (a PostgreSQL server; unset, an embedded one
    is used), COINPURSE_HOME (the embedded database's folder) and COINPURSE_CATALOG (the catalog's path).

    Exit codes: 0 done, 1 found something wrong or refused, 2 wrong usage, 3 the database can't be reached.
    """
    context.obj = {"traceback": traceback}


for command in (
    demo,
    serve,
    worker,
    migrate,
    check,
    accounts,
    balance,
    grant,
    charge,
    explain,
    verify,
    reconcile,
    keys,
    staff,
    events,
    endpoints,
    import_,
    export,
    doctor,
    shard,
    simulate,
    bench,
):
    main.add_command(command)
