"""Are the stored rows what their hashes, roots, links and counts say, and what the node says?"""

from indexer.verify.findings import Difference, VerifyReport
from indexer.verify.walk import verify, verify_covered

__all__ = ["Difference", "VerifyReport", "verify", "verify_covered"]
