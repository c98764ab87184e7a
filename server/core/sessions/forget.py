"""What nobody needs any more is forgotten."""

from datetime import timedelta

from server.core.sessions import ending_store as store
from server.core.work import Work

# For how long it can be looked up when and why a session ended.
RETENTION = timedelta(days=30)
BATCH = 500


async def forget_expired(work: Work, _: None) -> int:
    """Up to 500 sessions that ended a month ago are gone, and denials of tokens that are past their time.

    How many they were, together; 0 when there is nothing left to forget.
    """
    sessions = await store.delete_sessions(work.conn, work.now - RETENTION, BATCH)
    return sessions + await store.delete_denials(work.conn, work.now, BATCH)
