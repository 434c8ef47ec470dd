"""What the worker does, and how often."""

from write_api.settings import WriteSettings
from write_api.working.sealing import seal
from write_api.working.settling import settle
from write_api.working.summaries import SECONDS_MAX, refresh
from write_api.working.tidying import tidy
from write_api.working.worker import Task


def tasks(settings: WriteSettings) -> tuple[Task, ...]:
    return (
        Task("settle", settle, settings.worker.settle_every_s, deadline_s=600),
        Task("seal", seal, settings.audit.seal_every_s),
        Task("refresh summaries", refresh, settings.worker.summaries_every_s, deadline_s=SECONDS_MAX),
        Task("tidy", tidy, settings.worker.tidy_every_s, deadline_s=600),
    )
