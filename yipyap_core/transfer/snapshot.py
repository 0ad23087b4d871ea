"""Brings all files of a plan into the cache, several at a time, and notes the revision last."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.domain.jobs import Phase
from yipyap_core.transfer.connections import ConnectionBook
from yipyap_core.transfer.context import Context, OpenPartials
from yipyap_core.transfer.control import TransferControl
from yipyap_core.transfer.dialing import Trust
from yipyap_core.transfer.disk import cache_errors
from yipyap_core.transfer.growth import Slots
from yipyap_core.transfer.layout import Layout
from yipyap_core.transfer.limiter import BandwidthLimit
from yipyap_core.transfer.options import TransferOptions
from yipyap_core.transfer.phases import PhaseBoard
from yipyap_core.transfer.queue import Queue
from yipyap_core.transfer.stopping import Stopper
from yipyap_core.transfer.syncing import PeriodicSync
from yipyap_core.transfer.trees import write_ref, write_tree
from yipyap_core.transfer.watch import LineWatch


class SnapshotTransfer:
    """Transfers plans; one object serves any number of runs, also at a time."""

    def __init__(
        self,
        options: TransferOptions,
        *,
        token: Callable[[], str | None],
        limit: BandwidthLimit,
    ) -> None:
        """Keep the figures; `token` is asked at each request, `limit` is the host's."""
        self._options = options
        self._token = token
        self._limit = limit
        self._trust = Trust(options.ca_file)

    def run(self, plan: DownloadPlan, *, control: TransferControl) -> None:
        """Return when every file is in the cache under its name and the revision is noted.

        Raises a `TransferError`, or whatever `control.raise_if_cancelled` raises; what arrived
        is kept and the next run goes on from there.
        """
        control.raise_if_cancelled()
        layout = Layout(self._options.cache_dir, plan.repo, plan.commit)
        with cache_errors(self._options.cache_dir, plan.repo.repo_id):
            try:
                layout.prepare()
                write_tree(layout, plan.listing)
            except OSError:
                if not all(layout.is_linked(file) for file in plan.files):
                    raise  # a complete cache may well be read-only
        with ExitStack() as stack:
            context = self._context(plan, layout, control, stack)
            Queue(context).empty()
            context.phases.show(Phase.COMMITTING)
            with cache_errors(self._options.cache_dir, plan.repo.repo_id):
                write_ref(layout)

    def _context(
        self, plan: DownloadPlan, layout: Layout, control: TransferControl, stack: ExitStack
    ) -> Context:
        options = self._options
        threads = options.small_lanes + options.large_lanes + options.max_connections
        stopper = Stopper(control)
        phases = PhaseBoard(control)
        partials = OpenPartials()
        book = ConnectionBook()
        control.connections(book.look)
        pool = stack.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="transfer"))
        stack.callback(stopper.stop)
        watch = stack.enter_context(LineWatch(options, phases.quiet))
        stack.enter_context(PeriodicSync(partials, options.sync_seconds))
        return Context(
            options=options,
            plan=plan,
            layout=layout,
            control=control,
            token=self._token,
            limit=self._limit,
            trust=self._trust,
            stopper=stopper,
            watch=watch,
            phases=phases,
            slots=Slots(options.max_connections),
            pool=pool,
            partials=partials,
            book=book,
        )
