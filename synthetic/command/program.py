"""Every command of ``hedgerow-synthetic``, in the order in which a researcher meets them."""

from __future__ import annotations

import typer

from synthetic.command.describe import describe
from synthetic.command.fit import fit
from synthetic.command.generate import generate
from synthetic.command.listing import list_presets
from synthetic.command.pack import pack
from synthetic.command.report import report
from synthetic.command.score import score
from synthetic.command.validate import validate

EPILOG = (
    "Exit status: 0 done, 1 a fault of ours, 2 wrong command line, 3 invalid input, 4 out of reach, 5 refused, "
    "6 tampering found, 130 stopped. Data goes to stdout, progress to stderr."
)

HELP = """Make people who never were: from published figures, with everybody's true risk, or from noisy sums of nodes.

\b
  hedgerow-synthetic list
  hedgerow-synthetic generate small --out people
  hedgerow-synthetic describe people
  hedgerow-synthetic report people
  hedgerow-synthetic pack people --use-case falls --out hackathon
"""

app = typer.Typer(
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def _program() -> None:
    """Be a program of several commands, however few there are."""


app.command("list")(list_presets)
app.command("generate")(generate)
app.command("fit")(fit)
app.command("describe")(describe)
app.command("report")(report)
app.command("validate")(validate)
app.command("pack")(pack)
app.command("score")(score)

__all__ = ["EPILOG", "HELP", "app"]
