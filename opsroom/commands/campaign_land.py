"""`opsroom campaign land`: a campaign's branch to its base."""

import click

from opsroom.finding import state_dir
from state import journal
from state.sanitize import clean_line

__all__ = ["land"]


@click.command(short_help="Bring its branch to its base.")
@click.argument("name")
@click.option("--into", default="", metavar="BRANCH", help="Instead of the base that campaign.toml names.")
@click.option("--no-ff", is_flag=True, help="A merge commit even where a fast-forward would do.")
@click.pass_obj
def land(explicit: str | None, name: str, into: str, no_ff: bool) -> None:
    """Bring the branch campaign/NAME to its base: a fast-forward where possible, else a merge commit.

    Refused while it runs, while the base is checked out with uncommitted changes, and where there is a conflict: then
    nothing has changed.
    """
    from opsroom.commands.campaign import check_there
    from opsroom.commands.show import read_fleet
    from orchestrator.campaign import campaign_landing
    from orchestrator.config import load

    state = state_dir(explicit)
    check_there(state, name)
    landed = campaign_landing.land(state, load(state.repository), read_fleet(state), name, into, no_ff=no_ff)
    journal.write(state, "land", "human", campaign=name, base=landed.base, commit=landed.commit)
    how = "merged" if landed.merged else "fast-forward"
    commits = f"{landed.commits:,} commit{'' if landed.commits == 1 else 's'}"
    click.echo(clean_line(f"{landed.base}: {commits} of campaign/{name}, {how}, now at {landed.commit[:12]}"))
