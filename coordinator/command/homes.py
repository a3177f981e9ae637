"""``init`` and ``serve``: make a coordinator, and have it listen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coordinator.command.certificates import about_kit, kit_lines
from coordinator.command.shell import Json, Shell, say


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(init)
    app.command()(begin_anew)
    app.command()(serve)


def init(
    context: typer.Context,
    *,
    home: Annotated[Path, typer.Argument(help="A directory that does not exist yet.")],
    name: Annotated[str, typer.Option(help="What nodes call this coordinator, such as north-west.")],
    host: Annotated[
        list[str] | None,
        typer.Option(help="The name or address that nodes dial (repeatable; the first goes into join.kit)."),
    ] = None,
    listen: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    api_port: Annotated[int, typer.Option(help="The port of our API.")] = 8440,
    fleet_port: Annotated[int, typer.Option(help="The port of Flower's protocol.")] = 8441,
    as_json: Json = False,
) -> None:
    """Make a coordinator: keys, certificates, settings, and the join kit that each node needs.

    \b
    Example:
      hedgerow-coordinator init hub --name north-west --host hub.example.nhs.uk --listen 0.0.0.0
    """
    from coordinator.home import JOIN_KIT, make_home
    from coordinator.settings import checked

    where = {"api_host": listen, "fleet_host": listen, "api_port": api_port, "fleet_port": fleet_port}
    settings = checked({"name": name, **where})
    made, kit = make_home(home, settings=settings, hosts=host or ["127.0.0.1"], now=Shell.of(context).now())
    document = {"home": str(made.path), **about_kit(kit), "join_kit": str(made.path / JOIN_KIT)}
    lines = [
        f"{name} lives in {made.path}",
        *kit_lines(document),
        "Next: carry the join kit to each node by a channel you trust (it holds the federation's split key),",
        f"      then `export HEDGEROW_COORDINATOR_HOME={made.path.resolve()}` and `hedgerow-coordinator serve`.",
    ]
    say(lines, document, as_json=as_json)


def begin_anew(context: typer.Context, *, as_json: Json = False) -> None:
    """Begin with an empty state after `coordinator.db` was lost and there is no backup; keys and models stay.

    \b
    Example:
      hedgerow-coordinator begin-anew
    """
    from coordinator.home import begin_anew as begin

    home = Shell.of(context).home()
    begin(home)
    lines = [
        f"{home.path} has an empty state.",
        "Next: enrol the nodes from their files, serve, submit the same studies and run them: nodes tell their",
        "approvals again by themselves, and answer nothing twice.",
    ]
    say(lines, {"home": str(home.path)}, as_json=as_json)


def serve(
    context: typer.Context,
    *,
    api_host: Annotated[str | None, typer.Option(help="Listen here instead.")] = None,
    api_port: Annotated[int | None, typer.Option(help="Listen on this port instead.")] = None,
    fleet_host: Annotated[str | None, typer.Option(help="Have Flower listen here instead.")] = None,
    fleet_port: Annotated[int | None, typer.Option(help="Have Flower listen on this port instead.")] = None,
    deadline_seconds: Annotated[float | None, typer.Option(help="How long an exchange waits for nodes.")] = None,
    health_port: Annotated[int | None, typer.Option(help="Answer a monitor on this port; 0: none.")] = None,
    log_level: Annotated[
        str | None, typer.Option(help="The least that is logged: debug, info, warning, error.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve nodes and operators over TLS until SIGTERM or Ctrl-C; one line on stdout says when it is ready.

    A study that was running when the coordinator stopped goes on from its last finished exchange.

    \b
    Example:
      hedgerow-coordinator serve 2>> hub.log
    """
    from coordinator import assemble
    from coordinator.command.logs import log_to_stderr

    shell = Shell.of(context)
    flags: dict[str, object] = {"api_host": api_host, "api_port": api_port}
    flags |= {"fleet_host": fleet_host, "fleet_port": fleet_port}
    flags |= {"deadline_seconds": deadline_seconds, "health_port": health_port, "log_level": log_level}
    home = shell.home(flags)
    log_to_stderr(home.settings.log_level)
    assemble.serve(
        home,
        now=shell.now,
        ready=lambda where: say(
            [f"ready: api {where['api']}, fleet {where['fleet']}, {where['nodes']} nodes enrolled"],
            {"ready": True, **where},
            as_json=as_json,
        ),
    )


__all__ = ["add_to", "begin_anew", "init", "serve"]
