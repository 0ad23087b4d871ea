"""What a failed request means for its file: a pause and another one, a fresh start, or the end."""

from __future__ import annotations

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.errors import ConnectionLost, HubAnswerInvalid, Stalled, TransferError
from yipyap_core.transfer.connection import LineBroken
from yipyap_core.transfer.control import TransferControl
from yipyap_core.transfer.options import TransferOptions
from yipyap_core.transfer.refusals import SignatureExpired, StorageRefused
from yipyap_core.transfer.requests import OtherBytes
from yipyap_core.transfer.retry import RetryBudget
from yipyap_core.transfer.stopping import Stopper

Failure = LineBroken | SignatureExpired | TransferError
FAILURES = (LineBroken, SignatureExpired, TransferError)


class Recovery:
    """Decides for one file; used by the one thread that owns it."""

    def __init__(
        self, options: TransferOptions, control: TransferControl, file: RemoteFile
    ) -> None:
        """Begin with a full budget."""
        self.budget = RetryBudget(options)
        self._control = control
        self._file = file
        self._restarted = False

    def pause(self, error: Failure, stopper: Stopper) -> None:
        """Wait before the next request; raises the error when there is to be none."""
        stopper.check()  # a stop shuts sockets: what failed by that is no failure
        told = self._as_error(error)
        delay = self.budget.failed(told)
        note = f"{self._file.path}: {told.message} Trying again in {delay:.1f} s."
        self._control.note("retry", note)
        stopper.wait(delay)

    def restart(self, error: OtherBytes) -> str:
        """Why the file starts again; once, then it is an error."""
        if self._restarted:
            raise HubAnswerInvalid(
                f"The hub's {self._file.path} is not the file of"
                f" {self._file.size_bytes:,} bytes that it lists: {error.reason}."
            ) from error
        self._restarted = True
        return f"the server answered oddly: {error.reason}"

    def _as_error(self, error: Failure) -> TransferError:
        path = self._file.path
        if isinstance(error, SignatureExpired):
            return StorageRefused(
                f"The storage behind the hub refuses the signed address of {path}."
            )
        if isinstance(error, LineBroken):
            kind = Stalled if error.stalled else ConnectionLost
            return kind(f"The connection broke while {path} arrived: {error.reason}.")
        return error
