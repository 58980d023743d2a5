-- People, groups, workloads, targets, roles, workflows, OAuth clients.
-- Every table with a version is written by compare-and-swap on it.

-- Refuses the row with the given words. Triggers name the case.
CREATE FUNCTION hallpass_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'hallpass: %', TG_ARGV[0] USING ERRCODE = 'check_violation';
END $$;

CREATE TABLE users (
  id           uuid NOT NULL PRIMARY KEY,
  email        text NOT NULL UNIQUE,
  display_name text NOT NULL,
  time_zone    text NOT NULL,
  duties       jsonb NOT NULL,
  disabled     boolean NOT NULL,
  version      bigint NOT NULL
);

CREATE TABLE groups (
  id      uuid NOT NULL PRIMARY KEY,
  name    text NOT NULL UNIQUE,
  title   text NOT NULL,
  version bigint NOT NULL
);

CREATE TABLE group_members (
  group_id    uuid NOT NULL REFERENCES groups (id) ON DELETE RESTRICT,
  member_kind text NOT NULL CHECK (member_kind IN ('user', 'workload')),
  member_id   uuid NOT NULL,
  PRIMARY KEY (group_id, member_kind, member_id)
);

CREATE TABLE workloads (
  id       uuid NOT NULL PRIMARY KEY,
  name     text NOT NULL UNIQUE,
  title    text NOT NULL,
  disabled boolean NOT NULL,
  version  bigint NOT NULL
);

CREATE TABLE workload_owners (
  workload_id uuid NOT NULL REFERENCES workloads (id) ON DELETE RESTRICT,
  user_id     uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  PRIMARY KEY (workload_id, user_id)
);

CREATE TABLE targets (
  id            uuid NOT NULL PRIMARY KEY,
  name          text NOT NULL UNIQUE,
  title         text NOT NULL,
  environment   text NOT NULL,
  kind          text NOT NULL,
  settings      jsonb NOT NULL,
  sealed_secret text,
  disabled      boolean NOT NULL,
  revision      bigint NOT NULL,
  version       bigint NOT NULL
);

CREATE TABLE target_owners (
  target_id uuid NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  user_id   uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  PRIMARY KEY (target_id, user_id)
);

CREATE TABLE workflows (
  id       uuid NOT NULL PRIMARY KEY,
  name     text NOT NULL,
  stages   jsonb NOT NULL,
  retired  boolean NOT NULL,
  revision bigint NOT NULL,
  version  bigint NOT NULL
);
-- A retired object keeps its name for history; the name is free again.
CREATE UNIQUE INDEX workflows_name ON workflows (name) WHERE NOT retired;

CREATE TABLE roles (
  id            uuid NOT NULL PRIMARY KEY,
  name          text NOT NULL,
  purpose       text NOT NULL,
  target_id     uuid NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  tier          text NOT NULL CHECK (tier IN ('low', 'medium', 'high')),
  eligible      jsonb NOT NULL,
  max_seconds   bigint NOT NULL,
  usual_seconds bigint NOT NULL,
  workflow_id   uuid NOT NULL REFERENCES workflows (id) ON DELETE RESTRICT,
  scope_schema  jsonb NOT NULL,
  kind          text NOT NULL,
  settings      jsonb NOT NULL,
  standing      boolean NOT NULL,
  retired       boolean NOT NULL,
  revision      bigint NOT NULL,
  version       bigint NOT NULL
);
CREATE UNIQUE INDEX roles_name ON roles (name) WHERE NOT retired;

CREATE TABLE clients (
  id          uuid NOT NULL PRIMARY KEY,
  client_id   text NOT NULL UNIQUE,
  secret_hash bytea,
  of_kind     text NOT NULL CHECK (of_kind IN ('workload', 'resource_server', 'command_line')),
  of_id       uuid,
  created_at  timestamptz NOT NULL,
  version     bigint NOT NULL
);

-- One row: moves with every catalogue or user change, so that caches of other replicas notice.
CREATE TABLE catalogue_revision (
  id       integer NOT NULL PRIMARY KEY CHECK (id = 1),
  revision bigint NOT NULL
);
INSERT INTO catalogue_revision (id, revision) VALUES (1, 0);
