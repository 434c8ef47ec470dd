"""What every route works with."""

from dataclasses import dataclass

from service.http.metrics import HttpMetrics
from write_api.acting import Office
from write_api.credentials.access_tokens import AccessTokens
from write_api.credentials.passwords import Passwords
from write_api.credentials.signing_keys import SigningKeys
from write_api.credentials.wallets import AskContract
from write_api.data_keys import KeyRing
from write_api.limiting import Limiter
from write_api.senders import Sender
from write_api.session_cache import SessionCache
from write_api.settings import WriteSettings
from write_api.storage.objects import Storage


@dataclass(slots=True)
class Desk:
    """One for each process. `office` runs transactions; the rest is outside of them."""

    settings: WriteSettings
    office: Office
    keys: KeyRing
    signing_keys: SigningKeys
    tokens: AccessTokens
    passwords: Passwords
    sessions: SessionCache
    storage: Storage
    sender: Sender
    limiter: Limiter
    ask_contract: AskContract
    metrics: HttpMetrics
