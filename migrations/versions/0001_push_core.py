"""Tenants, integrations, keys, enrollments, auth attempts, audit.

Every row of a tenant carries its organization_id, so that tables can be distributed by it later. Ids are
random positive int32 (docs/protocol/wire.md, 0.10). `_digest` columns are SHA-256, `_sealed` columns are
envelopes of server/crypto/sealing.py; no column holds a secret in clear.
"""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE organizations (
        id          integer     PRIMARY KEY CHECK (id > 0),
        kind        text        NOT NULL CHECK (kind IN ('tenant')),
        name        text        NOT NULL,
        description text,
        active      boolean     NOT NULL DEFAULT true,
        created_at  timestamptz NOT NULL,
        updated_at  timestamptz NOT NULL
    )
    """,
    # One name, one tenant; serves the search by name too.
    "CREATE UNIQUE INDEX organizations_kind_name_key ON organizations (kind, lower(name))",
    """
    CREATE TABLE integrations (
        id                  integer     PRIMARY KEY CHECK (id > 0),
        organization_id     integer     NOT NULL REFERENCES organizations,
        name                text        NOT NULL,
        description         text,
        active              boolean     NOT NULL DEFAULT true,
        attempt_ttl_seconds integer     CHECK (attempt_ttl_seconds BETWEEN 30 AND 600),
        challenge_digits    integer     CHECK (challenge_digits BETWEEN 2 AND 6),
        signing_key_id      integer     NOT NULL,
        created_at          timestamptz NOT NULL,
        updated_at          timestamptz NOT NULL,
        UNIQUE (organization_id, id)
    )
    """,
    "CREATE UNIQUE INDEX integrations_organization_name_key ON integrations (organization_id, lower(name))",
    """
    CREATE TABLE integration_signing_keys (
        id                 integer     PRIMARY KEY CHECK (id > 0),
        organization_id    integer     NOT NULL,
        integration_id     integer     NOT NULL,
        public_key         bytea       NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
        private_key_sealed bytea       NOT NULL,
        created_at         timestamptz NOT NULL,
        retired_at         timestamptz,
        FOREIGN KEY (organization_id, integration_id)
            REFERENCES integrations (organization_id, id) DEFERRABLE INITIALLY DEFERRED
    )
    """,
    # The keys of one integration, newest first.
    """
    CREATE INDEX integration_signing_keys_integration
        ON integration_signing_keys (integration_id, created_at)
    """,
    """
    ALTER TABLE integrations ADD FOREIGN KEY (signing_key_id)
        REFERENCES integration_signing_keys DEFERRABLE INITIALLY DEFERRED
    """,
    """
    CREATE TABLE api_keys (
        id              integer     PRIMARY KEY CHECK (id > 0),
        organization_id integer     NOT NULL,
        integration_id  integer     NOT NULL,
        key_id          text        NOT NULL CONSTRAINT api_keys_key_id_key UNIQUE,
        secret_digest   bytea       NOT NULL CHECK (octet_length(secret_digest) = 32),
        label           text        NOT NULL,
        ip_whitelist    cidr[]      NOT NULL DEFAULT '{}',
        expires_at      timestamptz,
        revoked_at      timestamptz,
        replaced_by     integer     REFERENCES api_keys,
        last_used_at    timestamptz,
        created_at      timestamptz NOT NULL,
        updated_at      timestamptz NOT NULL,
        FOREIGN KEY (organization_id, integration_id) REFERENCES integrations (organization_id, id)
    )
    """,
    # The keys of one integration: counting the active ones, listing them.
    "CREATE INDEX api_keys_integration ON api_keys (integration_id, created_at)",
    """
    CREATE TABLE operator_keys (
        id           integer     PRIMARY KEY CHECK (id > 0),
        key_id       text        NOT NULL CONSTRAINT operator_keys_key_id_key UNIQUE,
        key_digest   bytea       NOT NULL CHECK (octet_length(key_digest) = 32),
        label        text        NOT NULL,
        expires_at   timestamptz,
        revoked_at   timestamptz,
        last_used_at timestamptz,
        created_at   timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE enrollments (
        id                  integer     PRIMARY KEY CHECK (id > 0),
        organization_id     integer     NOT NULL,
        integration_id      integer     NOT NULL,
        name                text        NOT NULL,
        user_identifier     text,
        proof_token_digest  bytea       NOT NULL CONSTRAINT enrollments_proof_token_digest_key UNIQUE
                                        CHECK (octet_length(proof_token_digest) = 32),
        proof_token_sealed  bytea       NOT NULL,
        challenge_sealed    bytea,
        challenge_required  boolean     NOT NULL DEFAULT false,
        status              text        NOT NULL CHECK (
            status IN ('CREATED', 'BOUND', 'VERIFIED', 'INVALID', 'EXPIRED', 'REVOKED')),
        active              boolean     NOT NULL DEFAULT false,
        signing_key_id      integer     REFERENCES integration_signing_keys,
        device_key          bytea       CONSTRAINT enrollments_device_key_key UNIQUE,
        device_key_tier     text        CHECK (device_key_tier IN ('NONE', 'STANDARD', 'STRONG')),
        verify_failures     integer     NOT NULL DEFAULT 0,
        failures            integer     NOT NULL DEFAULT 0,
        locked_at           timestamptz,
        quiet_since         timestamptz,
        push_provider       text        CHECK (push_provider IN ('APNS', 'FCM')),
        push_address_digest bytea,
        push_address_sealed bytea,
        expires_at          timestamptz,
        bound_at            timestamptz,
        verified_at         timestamptz,
        last_used_at        timestamptz,
        created_at          timestamptz NOT NULL,
        updated_at          timestamptz NOT NULL,
        UNIQUE (organization_id, id),
        FOREIGN KEY (organization_id, integration_id) REFERENCES integrations (organization_id, id),
        -- Only a verified enrollment is active, and it alone has a device key.
        CONSTRAINT enrollments_active_is_verified CHECK (NOT active OR status = 'VERIFIED'),
        CONSTRAINT enrollments_verified_has_key CHECK (
            status <> 'VERIFIED'
            OR (device_key IS NOT NULL AND signing_key_id IS NOT NULL AND verified_at IS NOT NULL)),
        CONSTRAINT enrollments_unverified_has_no_key CHECK (
            status NOT IN ('CREATED', 'BOUND') OR device_key IS NULL),
        CONSTRAINT enrollments_bound_has_signing_key CHECK (
            status <> 'BOUND' OR (signing_key_id IS NOT NULL AND bound_at IS NOT NULL)),
        -- The enrollment challenge is needed until verify, and gone afterwards.
        CONSTRAINT enrollments_challenge_while_open CHECK (
            (challenge_sealed IS NOT NULL) = (status IN ('CREATED', 'BOUND'))),
        CONSTRAINT enrollments_push_address_whole CHECK (
            (push_provider IS NULL) = (push_address_digest IS NULL)
            AND (push_provider IS NULL) = (push_address_sealed IS NULL))
    )
    """,
    # One verified enrollment per name; it also decides between two verifications at the same moment.
    """
    CREATE UNIQUE INDEX enrollments_verified_name_key ON enrollments (integration_id, name)
        WHERE status = 'VERIFIED'
    """,
    # Create by userIdentifier.
    """
    CREATE INDEX enrollments_user_identifier ON enrollments (integration_id, user_identifier)
        WHERE user_identifier IS NOT NULL
    """,
    # Operators' lists.
    "CREATE INDEX enrollments_created_at ON enrollments (created_at DESC, id)",
    # The job that expires invitations.
    """
    CREATE INDEX enrollments_open_expires_at
        ON enrollments (expires_at) WHERE status IN ('CREATED', 'BOUND')
    """,
    # A push address belongs to its newest registration.
    """
    CREATE UNIQUE INDEX enrollments_push_address_key ON enrollments (push_provider, push_address_digest)
        WHERE push_provider IS NOT NULL
    """,
    """
    CREATE TABLE auth_attempts (
        id                 integer     PRIMARY KEY CHECK (id > 0),
        organization_id    integer     NOT NULL,
        integration_id     integer     NOT NULL,
        enrollment_id      integer     NOT NULL,
        status             text        NOT NULL CHECK (
            status IN ('PENDING', 'READ', 'ACCEPTED', 'REJECTED', 'INVALID', 'EXPIRED')),
        proof_token_sealed bytea       NOT NULL,
        challenge_sealed   bytea,
        context_title      text,
        context_message    text,
        deny_reason        text        CHECK (deny_reason IN ('MISTAKE', 'FRAUD')),
        device_signature   text,
        created_at         timestamptz NOT NULL,
        expires_at         timestamptz NOT NULL,
        read_at            timestamptz,
        ended_at           timestamptz,
        FOREIGN KEY (organization_id, enrollment_id) REFERENCES enrollments (organization_id, id),
        CONSTRAINT auth_attempts_ten_minutes CHECK (expires_at <= created_at + interval '10 minutes'),
        CONSTRAINT auth_attempts_read_has_time CHECK (status <> 'READ' OR read_at IS NOT NULL),
        CONSTRAINT auth_attempts_answered_was_read CHECK (
            status NOT IN ('ACCEPTED', 'REJECTED', 'INVALID')
            OR (read_at IS NOT NULL AND device_signature IS NOT NULL)),
        CONSTRAINT auth_attempts_ended_has_time CHECK (
            (ended_at IS NULL) = (status IN ('PENDING', 'READ'))),
        CONSTRAINT auth_attempts_reason_of_denial CHECK (deny_reason IS NULL OR status = 'REJECTED')
    )
    """,
    # At most one open attempt per enrollment: it finds the one that a poll hands out, and it decides
    # between two creations at the same moment.
    """
    CREATE UNIQUE INDEX auth_attempts_open_key ON auth_attempts (enrollment_id)
        WHERE status IN ('PENDING', 'READ')
    """,
    # The job that expires attempts.
    """
    CREATE INDEX auth_attempts_open_expires_at
        ON auth_attempts (expires_at) WHERE status IN ('PENDING', 'READ')
    """,
    # Operators' lists, by integration and over all.
    """
    CREATE INDEX auth_attempts_integration_created_at
        ON auth_attempts (integration_id, created_at DESC, id)
    """,
    "CREATE INDEX auth_attempts_created_at ON auth_attempts (created_at DESC, id)",
    """
    CREATE TABLE spent_device_proofs (
        enrollment_id integer     NOT NULL REFERENCES enrollments,
        token_digest  bytea       NOT NULL CHECK (octet_length(token_digest) = 32),
        spent_at      timestamptz NOT NULL,
        PRIMARY KEY (enrollment_id, token_digest)
    )
    """,
    """
    CREATE TABLE idempotency_keys (
        integration_id integer     NOT NULL REFERENCES integrations,
        key_digest     bytea       NOT NULL CHECK (octet_length(key_digest) = 32),
        request_digest bytea       NOT NULL CHECK (octet_length(request_digest) = 32),
        attempt_id     integer     NOT NULL REFERENCES auth_attempts,
        created_at     timestamptz NOT NULL,
        CONSTRAINT idempotency_keys_key PRIMARY KEY (integration_id, key_digest)
    )
    """,
    # The job that forgets them after a day.
    "CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at)",
    """
    CREATE TABLE audit_events (
        id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
        at              timestamptz NOT NULL,
        organization_id integer,
        surface         text        NOT NULL,
        event           text        NOT NULL,
        result          text        NOT NULL CHECK (result IN ('ok', 'refused')),
        actor_kind      text        NOT NULL,
        actor_id        text        NOT NULL,
        target_kind     text        NOT NULL,
        target_id       text        NOT NULL,
        address         text,
        request_id      text,
        data            jsonb       NOT NULL DEFAULT '{}',
        seal            bytea
    )
    """,
    "COMMENT ON COLUMN audit_events.seal IS 'The place of the seal that chains events; not written yet.'",
    # Operators' lists: newest first, over all or of one target.
    "CREATE INDEX audit_events_at ON audit_events (at DESC, id)",
    "CREATE INDEX audit_events_target ON audit_events (target_kind, target_id, at DESC)",
    """
    CREATE FUNCTION audit_events_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit events are append only';
    END
    $$
    """,
    """
    CREATE TRIGGER audit_events_are_kept BEFORE DELETE OR TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_are_kept()
    """,
    """
    CREATE FUNCTION audit_events_do_not_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.seal IS NOT NULL OR to_jsonb(OLD) - 'seal' IS DISTINCT FROM to_jsonb(NEW) - 'seal' THEN
            RAISE EXCEPTION 'audit events are append only';
        END IF;
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER audit_events_do_not_change BEFORE UPDATE ON audit_events
        FOR EACH ROW EXECUTE FUNCTION audit_events_do_not_change()
    """,
    """
    CREATE TABLE instance_clock (
        only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        offset_seconds double precision NOT NULL DEFAULT 0
    )
    """,
    "INSERT INTO instance_clock DEFAULT VALUES",
)


def upgrade() -> None:
    """The tables of the push core exist."""
    for statement in STATEMENTS:
        op.execute(statement)
