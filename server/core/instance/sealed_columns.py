"""Every column that holds a sealed secret, with the statements that find and change its values.

A test compares the list with the schema, so that a new `_sealed` column cannot be forgotten here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column of sealed values.

    Args:
        name: `table.column`.
        purpose: What its values are sealed for, before the row's id.
        select_stale: Up to $2 rows that are not sealed with the key whose envelopes begin with $1.
        update: Row $1 is $3, if it is still $2.
        count_stale: How many do not begin with $1.
        count_sealed_with: How many begin with $1.
    """

    name: str
    purpose: str
    select_stale: str
    update: str
    count_stale: str
    count_sealed_with: str


def _column(table: str, column: str) -> SealedColumn:
    sealed = f"{column}_sealed"
    stale = f"{sealed} IS NOT NULL AND substring({sealed} FROM 1 FOR octet_length($1::bytea)) <> $1"
    fresh = f"substring({sealed} FROM 1 FOR octet_length($1::bytea)) = $1"
    return SealedColumn(
        name=f"{table}.{sealed}",
        purpose=f"{table}.{column}",
        select_stale=f"SELECT id, {sealed} AS sealed FROM {table} WHERE {stale} ORDER BY id LIMIT $2",
        update=f"UPDATE {table} SET {sealed} = $3 WHERE id = $1 AND {sealed} = $2",
        count_stale=f"SELECT count(*) FROM {table} WHERE {stale}",
        count_sealed_with=f"SELECT count(*) FROM {table} WHERE {fresh}",
    )


SEALED_COLUMNS = (
    _column("integration_signing_keys", "private_key"),
    _column("enrollments", "proof_token"),
    _column("enrollments", "challenge"),
    _column("enrollments", "push_address"),
    _column("auth_attempts", "proof_token"),
    _column("auth_attempts", "challenge"),
    _column("one_time_secrets", "payload"),
    _column("factors", "secret"),
    _column("token_signing_keys", "private_key"),
    _column("identity_providers", "client_secret"),
    _column("outbox_messages", "content"),
)
