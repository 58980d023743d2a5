//! The topics of `hallpass help`.

/// Name and text.
pub(super) const TOPICS: &[(&str, &str)] =
    &[("exit-codes", EXIT_CODES), ("environment", ENVIRONMENT), ("formatting", FORMATTING)];

const EXIT_CODES: &str = "\
Exit codes
  0    done
  1    failed
  2    the command line, a setting or a value is wrong
  3    cancelled at a question
  4    not signed in, or not strongly enough
  5    denied, or forbidden by policy
  6    over without a decision, or ended: lapsed, withdrawn, expired, revoked
  7    not found, or not eligible
  8    still pending, or the wait timed out
  9    the target failed to provision
  10   the server cannot be reached or is overloaded: try again
  130  interrupted (Ctrl-C)

`hallpass run` gives its child's own exit code (128 + N where signal N ended it), and
  124  the grant ended and the child was stopped
  125  run itself failed
  126  the command cannot be executed
  127  there is no such command
";

const ENVIRONMENT: &str = "\
Environment
Flags come before the environment, the environment before what a login remembered. An empty variable counts as not set.

  HALLPASS_SERVER              address of the server
  HALLPASS_PROFILE             which set of sign-ins (default: default)
  HALLPASS_CONFIG_DIR          where sign-ins are kept (default: $XDG_CONFIG_HOME/hallpass, ~/.config/hallpass)
  HALLPASS_FORMAT              table, plain or json
  HALLPASS_NO_INPUT            never ask a question
  HALLPASS_CA_FILE             PEM file with the authorities to trust instead of the system's
  HALLPASS_TIMEOUT             limit of one call, such as 30s (the default)
  HALLPASS_DEBUG               1: a line per call on stderr; http: headers and bodies too, without secrets

Who the command speaks for, the first of these that is set, then the stored sign-in:
  HALLPASS_TOKEN               a token for the API
  HALLPASS_TOKEN_FILE          a file that holds one; read at each use
  HALLPASS_CLIENT_ID           a workload's OAuth client, with
  HALLPASS_CLIENT_SECRET_FILE  the file that holds its secret; read at each use
  HALLPASS_TOKEN_HELPER        a program with the verbs get, store and erase (as for Vault)

Also: NO_COLOR, CLICOLOR_FORCE, TERM=dumb, PAGER, BROWSER (opened by login), HTTPS_PROXY, NO_PROXY, TZ.

`hallpass run ROLE -- COMMAND` sets for the command:
  HALLPASS_ACTIVE, HALLPASS_EXPIRES_AT                      the role, the end of the grant
  HALLPASS_ACCESS_TOKEN                                     roles that give tokens: the token at the start
  HALLPASS_ACCESS_TOKEN_FILE                                … a file that always holds one that works
  PGHOST PGPORT PGDATABASE PGUSER PGSSLMODE PGPASSFILE      roles that give PostgreSQL logins; PGSSLROOTCERT where needed
";

const FORMATTING: &str = "\
Formatting
Data goes to stdout, everything else to stderr. Where a command fails, stdout stays empty (but for `show --exit-status`).

  --format table   for people; on a terminal, columns that do not fit are left out; in a pipe nothing is cut
  --format plain   values with tabs between them, a line each, no headings
  --json           JSON with \"version\": 1; lists are {\"items\": […], \"next\": …}; times are RFC 3339 in UTC,
                   durations {\"seconds\": 5400, \"iso8601\": \"PT1H30M\"}
  --field PATH     one value and a line break: --field state, --field grant.id, --field stages.0.name;
                   of a list, one line for each item

Errors are one sentence, what to do next, and the id of the HTTP request. With --json the last line of stderr is also
{\"version\", \"code\", \"message\", \"next\", \"retryable\", \"request_id\", \"exit\"}.

Control and bidirectional characters in what others wrote are never printed.
";
