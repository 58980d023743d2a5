-- People, groups, workloads, targets, roles, workflows, OAuth clients.
-- Every table with a version is written by compare-and-swap on it.

CREATE TABLE users (
  id           BLOB NOT NULL PRIMARY KEY,
  email        TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  time_zone    TEXT NOT NULL,
  duties       TEXT NOT NULL,
  disabled     INTEGER NOT NULL,
  version      INTEGER NOT NULL
) STRICT;

CREATE TABLE groups (
  id      BLOB NOT NULL PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE,
  title   TEXT NOT NULL,
  version INTEGER NOT NULL
) STRICT;

CREATE TABLE group_members (
  group_id    BLOB NOT NULL REFERENCES groups (id) ON DELETE RESTRICT,
  member_kind TEXT NOT NULL CHECK (member_kind IN ('user', 'workload')),
  member_id   BLOB NOT NULL,
  PRIMARY KEY (group_id, member_kind, member_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE workloads (
  id       BLOB NOT NULL PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  title    TEXT NOT NULL,
  disabled INTEGER NOT NULL,
  version  INTEGER NOT NULL
) STRICT;

CREATE TABLE workload_owners (
  workload_id BLOB NOT NULL REFERENCES workloads (id) ON DELETE RESTRICT,
  user_id     BLOB NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  PRIMARY KEY (workload_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE targets (
  id            BLOB NOT NULL PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,
  title         TEXT NOT NULL,
  environment   TEXT NOT NULL,
  kind          TEXT NOT NULL,
  settings      TEXT NOT NULL,
  sealed_secret TEXT,
  disabled      INTEGER NOT NULL,
  revision      INTEGER NOT NULL,
  version       INTEGER NOT NULL
) STRICT;

CREATE TABLE target_owners (
  target_id BLOB NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  user_id   BLOB NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  PRIMARY KEY (target_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE workflows (
  id       BLOB NOT NULL PRIMARY KEY,
  name     TEXT NOT NULL,
  stages   TEXT NOT NULL,
  retired  INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  version  INTEGER NOT NULL
) STRICT;
-- A retired object keeps its name for history; the name is free again.
CREATE UNIQUE INDEX workflows_name ON workflows (name) WHERE retired = 0;

CREATE TABLE roles (
  id            BLOB NOT NULL PRIMARY KEY,
  name          TEXT NOT NULL,
  purpose       TEXT NOT NULL,
  target_id     BLOB NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  tier          TEXT NOT NULL CHECK (tier IN ('low', 'medium', 'high')),
  eligible      TEXT NOT NULL,
  max_seconds   INTEGER NOT NULL,
  usual_seconds INTEGER NOT NULL,
  workflow_id   BLOB NOT NULL REFERENCES workflows (id) ON DELETE RESTRICT,
  scope_schema  TEXT NOT NULL,
  kind          TEXT NOT NULL,
  settings      TEXT NOT NULL,
  standing      INTEGER NOT NULL,
  retired       INTEGER NOT NULL,
  revision      INTEGER NOT NULL,
  version       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX roles_name ON roles (name) WHERE retired = 0;

CREATE TABLE clients (
  id          BLOB NOT NULL PRIMARY KEY,
  client_id   TEXT NOT NULL UNIQUE,
  secret_hash BLOB,
  of_kind     TEXT NOT NULL CHECK (of_kind IN ('workload', 'resource_server', 'command_line')),
  of_id       BLOB,
  created_at  INTEGER NOT NULL,
  version     INTEGER NOT NULL
) STRICT;

-- One row: moves with every catalogue or user change, so that caches of other replicas notice.
CREATE TABLE catalogue_revision (
  id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO catalogue_revision (id, revision) VALUES (1, 0);
