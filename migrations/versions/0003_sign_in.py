"""Realms, principals, factors, sessions, projects, members, mail and SMS, usage.

Ids are random UUIDs (version 4); what callers see is an encoding of one (server/base/ids.py). `seq` orders
rows for cursors and is never shown. Everything of a realm goes with it (ON DELETE CASCADE), so that a project
or a person can be deleted in one statement. `_digest` and `_sealed` mean what they mean in 0001.

A partial index has its key in its predicate, as in 0002: only a statement with a value for the key uses it.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    # --- organizations of both kinds ---
    "ALTER TABLE organizations DROP CONSTRAINT organizations_kind_check",
    """
    ALTER TABLE organizations
        ADD COLUMN uid uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT organizations_uid_key UNIQUE,
        ADD CONSTRAINT organizations_kind_check CHECK (kind IN ('tenant', 'customer'))
    """,
    # --- projects ---
    """
    CREATE TABLE projects (
        id              uuid        PRIMARY KEY,
        seq             bigint      GENERATED ALWAYS AS IDENTITY,
        organization_id integer     NOT NULL REFERENCES organizations,
        name            text        NOT NULL,
        description     text,
        login_id        text        NOT NULL CONSTRAINT projects_login_id_key UNIQUE,
        redirect_url    text        NOT NULL,
        allowed_origins text[]      NOT NULL,
        created_at      timestamptz NOT NULL,
        updated_at      timestamptz NOT NULL,
        UNIQUE (organization_id, id)
    )
    """,
    # The pages of one organization's projects.
    "CREATE UNIQUE INDEX projects_organization_seq ON projects (organization_id, seq)",
    # A preflight asks whether any project allows its origin.
    "CREATE INDEX projects_allowed_origins ON projects USING gin (allowed_origins)",
    """
    CREATE TABLE environments (
        id              uuid        PRIMARY KEY,
        organization_id integer     NOT NULL,
        project_id      uuid        NOT NULL,
        type            text        NOT NULL CHECK (type IN ('DEFAULT', 'PROD', 'DEV')),
        created_at      timestamptz NOT NULL,
        UNIQUE (organization_id, id),
        FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id) ON DELETE CASCADE
    )
    """,
    "CREATE UNIQUE INDEX environments_project_type_key ON environments (project_id, type)",
    # --- realms and their people ---
    """
    CREATE TABLE realms (
        id                  uuid        PRIMARY KEY,
        kind                text        NOT NULL CHECK (kind IN ('platform', 'workforce', 'customer')),
        surface             text        NOT NULL,
        name                text        CONSTRAINT realms_name_key UNIQUE,
        organization_id     integer     REFERENCES organizations,
        environment_id      uuid        CONSTRAINT realms_environment_id_key UNIQUE
                                        REFERENCES environments ON DELETE CASCADE,
        push_integration_id integer     REFERENCES integrations,
        policy              jsonb       NOT NULL DEFAULT '{}',
        created_at          timestamptz NOT NULL,
        updated_at          timestamptz NOT NULL,
        -- The platform's belongs to nobody; only applications have environments.
        CONSTRAINT realms_owner CHECK (
            CASE kind
                WHEN 'platform' THEN num_nonnulls(organization_id, environment_id) = 0
                WHEN 'workforce' THEN environment_id IS NULL
                ELSE true
            END)
    )
    """,
    "CREATE INDEX realms_organization ON realms (organization_id) WHERE organization_id IS NOT NULL",
    """
    CREATE INDEX realms_push_integration
        ON realms (push_integration_id) WHERE push_integration_id IS NOT NULL
    """,
    """
    INSERT INTO realms (id, kind, surface, name, policy, created_at, updated_at) VALUES
        (gen_random_uuid(), 'platform', 'ezkey_admin', 'platform', '{}', now(), now()),
        (gen_random_uuid(), 'workforce', 'protekt_account', 'protekt-accounts', '{}', now(), now())
    """,
    """
    CREATE TABLE principals (
        id                     uuid        PRIMARY KEY,
        seq                    bigint      GENERATED ALWAYS AS IDENTITY,
        realm_id               uuid        NOT NULL REFERENCES realms ON DELETE CASCADE,
        email                  text,
        -- What is compared where people are told apart by it; made from the address in one place.
        email_key              text,
        email_verified         boolean     NOT NULL DEFAULT false,
        username               text,
        phone                  text,
        phone_verified         boolean     NOT NULL DEFAULT false,
        display_name           text,
        locale                 text,
        metadata               jsonb       NOT NULL DEFAULT '{}',
        status                 text        NOT NULL DEFAULT 'active'
                                           CHECK (status IN ('active', 'disabled', 'banned')),
        password_hash          text,
        password_changed_at    timestamptz,
        must_change_password   boolean     NOT NULL DEFAULT false,
        failures               integer     NOT NULL DEFAULT 0,
        second_factor_failures integer     NOT NULL DEFAULT 0,
        locked_at              timestamptz,
        locked_until           timestamptz,
        lock_reason            text,
        last_login_at          timestamptz,
        created_at             timestamptz NOT NULL,
        updated_at             timestamptz NOT NULL,
        UNIQUE (realm_id, id),
        CONSTRAINT principals_can_be_named CHECK (num_nonnulls(email, username, phone) > 0),
        CONSTRAINT principals_email_has_key CHECK ((email IS NULL) = (email_key IS NULL)),
        CONSTRAINT principals_locked_whole CHECK (locked_until IS NULL OR locked_at IS NOT NULL)
    )
    """,
    # What tells people apart comes first: nobody who looks for one person is led through a whole realm.
    "CREATE UNIQUE INDEX principals_realm_email_key ON principals (email_key, realm_id)",
    "CREATE UNIQUE INDEX principals_realm_username_key ON principals (lower(username), realm_id)",
    "CREATE UNIQUE INDEX principals_realm_phone_key ON principals (phone, realm_id)",
    # The pages of one realm's people.
    "CREATE UNIQUE INDEX principals_realm_seq ON principals (realm_id, seq)",
    """
    CREATE TABLE throttles (
        realm_id       uuid        NOT NULL REFERENCES realms ON DELETE CASCADE,
        kind           text        NOT NULL,
        subject_digest bytea       NOT NULL CHECK (octet_length(subject_digest) = 32),
        count          integer     NOT NULL,
        ends_at        timestamptz NOT NULL,
        CONSTRAINT throttles_key PRIMARY KEY (realm_id, kind, subject_digest)
    )
    """,
    # The job that forgets them.
    "CREATE INDEX throttles_ends_at ON throttles (ends_at)",
    """
    CREATE TABLE one_time_secrets (
        id             uuid        PRIMARY KEY,
        realm_id       uuid        NOT NULL REFERENCES realms ON DELETE CASCADE,
        principal_id   uuid        REFERENCES principals ON DELETE CASCADE,
        purpose        text        NOT NULL,
        target         text        NOT NULL,
        secret_digest  bytea       NOT NULL,
        payload_sealed bytea,
        attempts       integer     NOT NULL DEFAULT 0,
        max_attempts   integer     NOT NULL,
        created_at     timestamptz NOT NULL,
        expires_at     timestamptz NOT NULL,
        used_at        timestamptz
    )
    """,
    # A link's or state's token is found by its digest, by a page that knows no realm as well.
    "CREATE UNIQUE INDEX one_time_secrets_digest_key ON one_time_secrets (secret_digest, realm_id, purpose)",
    # A code is found by whom it was sent to; one is live at a time, the newest.
    "CREATE INDEX one_time_secrets_target ON one_time_secrets (realm_id, purpose, target, created_at DESC)",
    """
    CREATE INDEX one_time_secrets_principal
        ON one_time_secrets (principal_id) WHERE principal_id IS NOT NULL
    """,
    "CREATE INDEX one_time_secrets_expires_at ON one_time_secrets (expires_at)",
    # --- factors ---
    """
    CREATE TABLE factors (
        id            uuid        PRIMARY KEY,
        seq           bigint      GENERATED ALWAYS AS IDENTITY,
        realm_id      uuid        NOT NULL,
        principal_id  uuid        NOT NULL,
        type          text        NOT NULL CHECK (type IN ('totp', 'sms', 'push', 'recovery_code')),
        label         text,
        status        text        NOT NULL CHECK (status IN ('pending', 'active')),
        secret_sealed bytea,
        phone         text,
        enrollment_id integer     CONSTRAINT factors_enrollment_id_key UNIQUE REFERENCES enrollments,
        last_step     bigint,
        created_at    timestamptz NOT NULL,
        confirmed_at  timestamptz,
        last_used_at  timestamptz,
        FOREIGN KEY (realm_id, principal_id) REFERENCES principals (realm_id, id) ON DELETE CASCADE,
        CONSTRAINT factors_active_was_confirmed CHECK ((status = 'active') = (confirmed_at IS NOT NULL)),
        CONSTRAINT factors_whole CHECK (
            CASE type
                WHEN 'totp' THEN secret_sealed IS NOT NULL
                WHEN 'sms' THEN phone IS NOT NULL
                WHEN 'push' THEN enrollment_id IS NOT NULL
                ELSE true
            END)
    )
    """,
    # One of each type and status: a new set-up takes the place of the last one that was not finished.
    "CREATE UNIQUE INDEX factors_principal_type_status_key ON factors (principal_id, type, status)",
    """
    CREATE TABLE recovery_codes (
        id          uuid        PRIMARY KEY,
        factor_id   uuid        NOT NULL REFERENCES factors ON DELETE CASCADE,
        code_digest bytea       NOT NULL,
        used_at     timestamptz,
        CONSTRAINT recovery_codes_key UNIQUE (factor_id, code_digest)
    )
    """,
    # --- sign-ins and sessions ---
    """
    CREATE TABLE sign_ins (
        id              uuid        PRIMARY KEY,
        realm_id        uuid        NOT NULL,
        principal_id    uuid        NOT NULL,
        handle_digest   bytea       NOT NULL CONSTRAINT sign_ins_handle_digest_key UNIQUE
                                    CHECK (octet_length(handle_digest) = 32),
        surface         text        NOT NULL,
        amr             text[]      NOT NULL,
        methods         text[]      NOT NULL,
        sets_up         boolean     NOT NULL,
        provider        text,
        push_attempt_id integer     REFERENCES auth_attempts,
        address         text,
        user_agent      text,
        created_at      timestamptz NOT NULL,
        expires_at      timestamptz NOT NULL,
        ended_at        timestamptz,
        FOREIGN KEY (realm_id, principal_id) REFERENCES principals (realm_id, id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX sign_ins_principal ON sign_ins (principal_id)",
    "CREATE INDEX sign_ins_expires_at ON sign_ins (expires_at)",
    """
    CREATE TABLE sessions (
        id               uuid        PRIMARY KEY,
        seq              bigint      GENERATED ALWAYS AS IDENTITY,
        realm_id         uuid        NOT NULL,
        principal_id     uuid        NOT NULL,
        organization_id  integer     REFERENCES organizations,
        surface          text        NOT NULL,
        amr              text[]      NOT NULL,
        provider         text,
        reference_digest bytea       CONSTRAINT sessions_reference_digest_key UNIQUE
                                     CHECK (octet_length(reference_digest) = 32),
        address          text,
        user_agent       text,
        created_at       timestamptz NOT NULL,
        last_active_at   timestamptz NOT NULL,
        expires_at       timestamptz NOT NULL,
        ended_at         timestamptz,
        end_reason       text,
        FOREIGN KEY (realm_id, principal_id) REFERENCES principals (realm_id, id) ON DELETE CASCADE,
        CONSTRAINT sessions_ended_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
    )
    """,
    # Deleting a person.
    "CREATE INDEX sessions_principal ON sessions (principal_id, seq)",
    # One person's open sessions: listing, counting, ending them, however many have ended.
    """
    CREATE INDEX sessions_open ON sessions ((CASE WHEN ended_at IS NULL THEN principal_id END), seq)
        WHERE (CASE WHEN ended_at IS NULL THEN principal_id END) IS NOT NULL
    """,
    "CREATE INDEX sessions_expires_at ON sessions (expires_at)",
    """
    CREATE TABLE refresh_tokens (
        token_digest bytea       PRIMARY KEY CHECK (octet_length(token_digest) = 32),
        session_id   uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
        surface      text        NOT NULL,
        created_at   timestamptz NOT NULL,
        expires_at   timestamptz NOT NULL,
        used_at      timestamptz,
        revoked_at   timestamptz
    )
    """,
    "CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id)",
    """
    CREATE TABLE token_denials (
        token_id   uuid        PRIMARY KEY,
        session_id uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX token_denials_session ON token_denials (session_id)",
    "CREATE INDEX token_denials_expires_at ON token_denials (expires_at)",
    """
    CREATE TABLE token_signing_keys (
        id                 uuid        PRIMARY KEY,
        kid                text        NOT NULL CONSTRAINT token_signing_keys_kid_key UNIQUE,
        family             text        NOT NULL,
        algorithm          text        NOT NULL CHECK (algorithm IN ('ES256', 'RS256')),
        public_key         jsonb       NOT NULL,
        private_key_sealed bytea       NOT NULL,
        created_at         timestamptz NOT NULL,
        retired_at         timestamptz
    )
    """,
    "CREATE INDEX token_signing_keys_family ON token_signing_keys (family, created_at)",
    # --- single sign-on ---
    """
    CREATE TABLE identity_providers (
        id                   uuid        PRIMARY KEY,
        realm_id             uuid        NOT NULL REFERENCES realms ON DELETE CASCADE,
        slug                 text        NOT NULL,
        type                 text        NOT NULL CHECK (type IN ('oidc', 'saml')),
        active               boolean     NOT NULL DEFAULT true,
        configuration        jsonb       NOT NULL,
        client_secret_sealed bytea,
        created_at           timestamptz NOT NULL,
        updated_at           timestamptz NOT NULL,
        CONSTRAINT identity_providers_realm_slug_key UNIQUE (realm_id, slug)
    )
    """,
    """
    CREATE TABLE external_identities (
        id           uuid        PRIMARY KEY,
        realm_id     uuid        NOT NULL,
        principal_id uuid        NOT NULL,
        provider     text        NOT NULL,
        subject      text        NOT NULL,
        email        text,
        linked_at    timestamptz NOT NULL,
        last_used_at timestamptz,
        FOREIGN KEY (realm_id, principal_id) REFERENCES principals (realm_id, id) ON DELETE CASCADE,
        CONSTRAINT external_identities_realm_provider_subject_key UNIQUE (realm_id, provider, subject)
    )
    """,
    "CREATE INDEX external_identities_principal ON external_identities (principal_id)",
    # --- members ---
    """
    CREATE TABLE memberships (
        id              uuid        PRIMARY KEY,
        seq             bigint      GENERATED ALWAYS AS IDENTITY,
        organization_id integer     NOT NULL REFERENCES organizations,
        principal_id    uuid        NOT NULL REFERENCES principals ON DELETE CASCADE,
        role            text        NOT NULL CHECK (role IN ('owner', 'admin', 'developer')),
        joined_at       timestamptz NOT NULL,
        CONSTRAINT memberships_organization_principal_key UNIQUE (organization_id, principal_id)
    )
    """,
    # A person's organizations, in the order in which they were joined.
    "CREATE INDEX memberships_principal ON memberships (principal_id, seq)",
    # An organization that had an owner has one at the end of every transaction, whoever else is removed in
    # another at the same moment: the organization's row is what they meet at.
    """
    CREATE FUNCTION organizations_keep_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM organizations WHERE id = OLD.organization_id FOR UPDATE;
        IF NOT EXISTS (SELECT 1 FROM memberships
                        WHERE organization_id = OLD.organization_id AND role = 'owner') THEN
            RAISE EXCEPTION 'an organization keeps an owner'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_last_owner';
        END IF;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER memberships_last_owner AFTER DELETE OR UPDATE OF role ON memberships
        DEFERRABLE INITIALLY IMMEDIATE
        FOR EACH ROW WHEN (OLD.role = 'owner') EXECUTE FUNCTION organizations_keep_an_owner()
    """,
    """
    CREATE TABLE invitations (
        id              uuid        PRIMARY KEY,
        organization_id integer     NOT NULL REFERENCES organizations,
        email           text        NOT NULL,
        email_key       text        NOT NULL,
        role            text        NOT NULL CHECK (role IN ('admin', 'developer')),
        invited_by      uuid        REFERENCES principals ON DELETE SET NULL,
        token_digest    bytea       NOT NULL CONSTRAINT invitations_token_digest_key UNIQUE
                                    CHECK (octet_length(token_digest) = 32),
        created_at      timestamptz NOT NULL,
        expires_at      timestamptz NOT NULL,
        accepted_at     timestamptz
    )
    """,
    # Whether an address is invited already.
    "CREATE INDEX invitations_organization_email ON invitations (organization_id, email_key)",
    "CREATE INDEX invitations_expires_at ON invitations (expires_at)",
    "CREATE INDEX invitations_invited_by ON invitations (invited_by) WHERE invited_by IS NOT NULL",
    # --- keys of applications ---
    """
    ALTER TABLE api_keys
        ALTER COLUMN integration_id DROP NOT NULL,
        ADD COLUMN uid uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT api_keys_uid_key UNIQUE,
        ADD COLUMN environment_id uuid,
        ADD COLUMN scopes text[] NOT NULL DEFAULT '{}',
        ADD CONSTRAINT api_keys_environment_fkey FOREIGN KEY (organization_id, environment_id)
            REFERENCES environments (organization_id, id) ON DELETE CASCADE,
        ADD CONSTRAINT api_keys_one_owner CHECK (num_nonnulls(integration_id, environment_id) = 1)
    """,
    # The keys of one application, newest first, and of all of an organization's.
    """
    CREATE INDEX api_keys_environment
        ON api_keys (environment_id, created_at) WHERE environment_id IS NOT NULL
    """,
    "CREATE INDEX api_keys_organization ON api_keys (organization_id, created_at DESC, id)",
    # --- messages ---
    """
    CREATE TABLE outbox_messages (
        id             uuid        PRIMARY KEY,
        seq            bigint      GENERATED ALWAYS AS IDENTITY,
        realm_id       uuid        REFERENCES realms ON DELETE CASCADE,
        channel        text        NOT NULL CHECK (channel IN ('mail', 'sms')),
        template       text        NOT NULL,
        locale         text        NOT NULL,
        recipient      text        NOT NULL,
        content_sealed bytea,
        status         text        NOT NULL CHECK (status IN ('pending', 'kept', 'sent', 'failed')),
        tries          integer     NOT NULL DEFAULT 0,
        -- When it is tried next; null when it is not.
        due_at         timestamptz,
        sent_at        timestamptz,
        last_error     text,
        created_at     timestamptz NOT NULL,
        CONSTRAINT outbox_messages_due_while_pending CHECK ((due_at IS NOT NULL) = (status = 'pending'))
    )
    """,
    "CREATE INDEX outbox_messages_due ON outbox_messages (channel, due_at) WHERE due_at IS NOT NULL",
    # Newest first, for whoever reads the outbox, and the job that clears it.
    "CREATE UNIQUE INDEX outbox_messages_seq ON outbox_messages (seq)",
    "CREATE INDEX outbox_messages_created_at ON outbox_messages (created_at)",
    "CREATE INDEX outbox_messages_realm ON outbox_messages (realm_id) WHERE realm_id IS NOT NULL",
    """
    CREATE TABLE message_templates (
        realm_id   uuid        NOT NULL REFERENCES realms ON DELETE CASCADE,
        channel    text        NOT NULL CHECK (channel IN ('mail', 'sms')),
        template   text        NOT NULL,
        locale     text        NOT NULL,
        subject    text,
        text_body  text        NOT NULL,
        html_body  text,
        updated_at timestamptz NOT NULL,
        CONSTRAINT message_templates_key PRIMARY KEY (realm_id, channel, template, locale),
        CONSTRAINT message_templates_whole CHECK (
            CASE channel WHEN 'mail' THEN subject IS NOT NULL ELSE num_nonnulls(subject, html_body) = 0 END)
    )
    """,
    # --- usage ---
    # Several rows a day, of which each sign-in changes one by chance: people do not wait for each other.
    """
    CREATE TABLE usage_days (
        realm_id            uuid     NOT NULL REFERENCES realms ON DELETE CASCADE,
        day                 date     NOT NULL,
        part                smallint NOT NULL,
        logins              bigint   NOT NULL DEFAULT 0,
        tokens_issued       bigint   NOT NULL DEFAULT 0,
        passwordless_logins bigint   NOT NULL DEFAULT 0,
        sso_logins          bigint   NOT NULL DEFAULT 0,
        CONSTRAINT usage_days_key PRIMARY KEY (realm_id, day, part)
    )
    """,
    # Who was active on which days of a month: the lowest bit is its first. A row for each month, and room to
    # change it in place once a day. No reference: what was counted stays counted when a person is deleted.
    """
    CREATE TABLE usage_active_months (
        realm_id     uuid    NOT NULL REFERENCES realms ON DELETE CASCADE,
        month        date    NOT NULL CHECK (extract(day FROM month) = 1),
        principal_id uuid    NOT NULL,
        days         integer NOT NULL CHECK (days > 0),
        CONSTRAINT usage_active_months_key PRIMARY KEY (realm_id, month, principal_id)
    ) WITH (fillfactor = 70)
    """,
    # --- audit ---
    "ALTER TABLE audit_events ADD COLUMN realm_id uuid",
    "CREATE INDEX audit_events_realm ON audit_events (realm_id, at DESC) WHERE realm_id IS NOT NULL",
)


def upgrade() -> None:
    """The tables of sign-in exist, and the two realms that every instance has."""
    for statement in STATEMENTS:
        op.execute(statement)
