"""``headcount demo``: do the main job on sample photos, with the same parts as any other run."""

from __future__ import annotations

import click

from orchestrator.commands.options import load_s3, load_settings
from orchestrator.commands.run import run_job
from orchestrator.commands.worker import require_worker_libraries
from orchestrator.jobs.submit import make_spec
from orchestrator.local.samples import fetch_samples
from orchestrator.terminal import say


@click.command()
@click.option(
    "--out", default="headcount-demo", show_default=True, metavar="DIR", help="Where results go."
)
def command(out: str) -> int:
    """Take the roll of seven sample photos, with one person enrolled.

    Fetches the photos once (4 MB), then works as `headcount run` does: with a broker, a worker
    process, real models and results on disk.
    """
    require_worker_libraries()
    settings = load_settings(model="embedded").model_copy(update={"broker_url": None})
    samples = fetch_samples(settings.cache_dir)
    spec = make_spec(
        photos=str(samples / "photos"),
        people=str(samples / "people"),
        expected=str(samples / "expected.csv"),
        archive=f"{out}/archive",
        out=out,
        settings=settings,
    )
    code = run_job(spec, settings, load_s3(), workers=1)
    say("demo done: open the report in a browser" if code == 0 else "demo failed")
    return code
