//! The operations of the seed's API, and which there are at all.

use super::credential::Access;
use super::operation_upstream;
use super::options::Profile;
use super::query::Parameter;
use super::schema::{Body, INT, Kind, may, must};

/// What an operation does.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    Health,
    /// It is no more.
    Gone(&'static str),
    /// It is accepted, and nothing comes of it.
    Nothing,
    CreateSandbox,
    ListSandboxes,
    ListAllSandboxes,
    GetSandbox,
    KillSandbox,
    SetTimeout,
    Refresh,
    Pause,
    Resume,
    Connect,
    Snapshot,
    ListSnapshots,
    Exec,
    Logs,
    LogEntries,
    Metrics,
    AllMetrics,
    ListTeams,
    ListTemplates,
    GetTemplate,
    CreateTemplate,
    RebuildTemplate,
    RequestTemplate,
    UpdateTemplate,
    DeleteTemplate,
    TemplateFiles,
    StartBuild,
    StartBuildOfSteps,
    BuildStatus,
    BuildLogs,
    Alias,
    ListTags,
    AssignTags,
    RemoveTags,
    ListNodes,
    GetNode,
    SetNode,
    ListKeys,
    CreateKey,
    UpdateKey,
    DeleteKey,
    CreateToken,
    DeleteToken,
}

/// An operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// `GET` and so on.
    pub method: &'static str,
    /// Its path; `{}` stands for a variable part.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    /// What it does.
    pub action: Action,
    /// The parameters of the query that are checked.
    pub query: &'static [Parameter],
    /// The body, if it has one.
    pub body: Option<&'static Body>,
}

/// All operations of a generation. Of two that match a path the first counts.
pub fn of(profile: Profile) -> &'static [Operation] {
    match profile {
        Profile::Seed => SEED,
        Profile::Upstream => operation_upstream::UPSTREAM,
    }
}

/// An operation with neither checked query nor body.
pub const fn op(
    method: &'static str,
    path: &'static str,
    access: Access,
    action: Action,
) -> Operation {
    Operation {
        method,
        path,
        access,
        action,
        query: &[],
        body: None,
    }
}

impl Operation {
    /// With these parameters in the query.
    pub const fn query(mut self, query: &'static [Parameter]) -> Operation {
        self.query = query;
        self
    }

    /// With this body.
    pub const fn body(mut self, body: &'static Body) -> Operation {
        self.body = Some(body);
        self
    }
}

/// The states of a sandbox.
pub const STATES: Parameter = Parameter::Words("state", &["running", "paused"]);

const NEW_SANDBOX: Body = Body {
    name: "NewSandbox",
    required: true,
    typed: false,
    fields: &[
        must("templateID", Kind::Text),
        may("timeout", Kind::Int(0, INT)),
        may("autoPause", Kind::Bool),
        may("secure", Kind::Bool),
        may("metadata", Kind::Map),
        may("envVars", Kind::Map),
    ],
};

/// What a resumed sandbox is told.
pub const RESUMED: Body = Body {
    name: "ResumedSandbox",
    required: true,
    typed: false,
    fields: &[
        may("timeout", Kind::Int(0, INT)),
        may("autoPause", Kind::Bool),
    ],
};

const EXEC: Body = Body {
    name: "SandboxExecRequest",
    required: true,
    typed: true,
    fields: &[
        must("command", Kind::Text),
        may("args", Kind::Texts),
        may("env", Kind::Map),
        may("cwd", Kind::Text),
        may("input", Kind::Text),
        may("timeoutSeconds", Kind::Int(i32::MIN as i64, INT)),
    ],
};

/// When a sandbox ends.
pub const TIMEOUT: Body = Body {
    name: "",
    required: false,
    typed: true,
    fields: &[must("timeout", Kind::Int(0, INT))],
};

/// How much longer a sandbox lives.
pub const REFRESH: Body = Body {
    name: "",
    required: false,
    typed: true,
    fields: &[may("duration", Kind::Int(0, 3600))],
};

/// A template, with what is built.
pub const TEMPLATE: Body = Body {
    name: "TemplateBuildRequest",
    required: true,
    typed: false,
    fields: &[
        must("dockerfile", Kind::Text),
        may("alias", Kind::Text),
        may("teamID", Kind::Text),
        may("startCmd", Kind::Text),
        may("readyCmd", Kind::Text),
        may("cpuCount", Kind::Int(1, INT)),
        may("memoryMB", Kind::Int(128, INT)),
    ],
};

/// Who may use a template.
pub const UPDATE: Body = Body {
    name: "TemplateUpdateRequest",
    required: true,
    typed: false,
    fields: &[may("public", Kind::Bool)],
};

/// A new key of a team.
pub const NEW_KEY: Body = Body {
    name: "NewTeamAPIKey",
    required: true,
    typed: false,
    fields: &[must("name", Kind::Text)],
};

/// Another name for a key.
pub const UPDATE_KEY: Body = Body {
    name: "UpdateTeamAPIKey",
    required: true,
    typed: false,
    fields: &[must("name", Kind::Text)],
};

const NEW_TOKEN: Body = Body {
    name: "NewAccessToken",
    required: true,
    typed: false,
    fields: &[must("name", Kind::Text)],
};

const NODE: Body = Body {
    name: "NodeStatusChange",
    required: false,
    typed: false,
    fields: &[must(
        "status",
        Kind::OneOf(&["ready", "draining", "connecting", "unhealthy"]),
    )],
};

const SEED: &[Operation] = &[
    op("GET", "/health", Access::Open, Action::Health),
    op("GET", "/sandboxes", Access::Team, Action::ListSandboxes),
    op("POST", "/sandboxes", Access::Team, Action::CreateSandbox).body(&NEW_SANDBOX),
    op(
        "GET",
        "/v2/sandboxes",
        Access::Team,
        Action::ListAllSandboxes,
    )
    .query(&[STATES, Parameter::Int("limit", 1, 1000)]),
    op("GET", "/sandboxes/metrics", Access::Key, Action::AllMetrics),
    op("GET", "/sandboxes/{}", Access::Team, Action::GetSandbox),
    op("DELETE", "/sandboxes/{}", Access::Team, Action::KillSandbox),
    op("POST", "/sandboxes/{}/exec", Access::Team, Action::Exec).body(&EXEC),
    op("POST", "/sandboxes/{}/pause", Access::Team, Action::Pause),
    op("POST", "/sandboxes/{}/resume", Access::Team, Action::Resume).body(&RESUMED),
    op(
        "POST",
        "/sandboxes/{}/timeout",
        Access::Team,
        Action::SetTimeout,
    )
    .body(&TIMEOUT),
    op(
        "POST",
        "/sandboxes/{}/refreshes",
        Access::Team,
        Action::Refresh,
    )
    .body(&REFRESH),
    op("GET", "/sandboxes/{}/logs", Access::Team, Action::Logs).query(&[
        Parameter::Int("start", 0, i64::MAX),
        Parameter::Int("limit", 0, INT),
    ]),
    op(
        "GET",
        "/sandboxes/{}/metrics",
        Access::Team,
        Action::Metrics,
    ),
    op("GET", "/teams", Access::User, Action::ListTeams),
    op("GET", "/templates", Access::User, Action::ListTemplates),
    op("POST", "/templates", Access::User, Action::CreateTemplate).body(&TEMPLATE),
    op(
        "POST",
        "/templates/{}",
        Access::User,
        Action::RebuildTemplate,
    )
    .body(&TEMPLATE),
    op(
        "PATCH",
        "/templates/{}",
        Access::User,
        Action::UpdateTemplate,
    )
    .body(&UPDATE),
    op(
        "DELETE",
        "/templates/{}",
        Access::User,
        Action::DeleteTemplate,
    ),
    op(
        "POST",
        "/templates/{}/builds/{}",
        Access::User,
        Action::StartBuild,
    ),
    op(
        "GET",
        "/templates/{}/builds/{}/status",
        Access::User,
        Action::BuildStatus,
    )
    .query(&[Parameter::Int("logsOffset", 0, INT)]),
    op("GET", "/nodes", Access::Admin, Action::ListNodes),
    op("GET", "/nodes/{}", Access::Admin, Action::GetNode),
    op("POST", "/nodes/{}", Access::Admin, Action::SetNode).body(&NODE),
    op("GET", "/api-keys", Access::DashboardTeam, Action::ListKeys),
    op(
        "POST",
        "/api-keys",
        Access::DashboardTeam,
        Action::CreateKey,
    )
    .body(&NEW_KEY),
    op(
        "PATCH",
        "/api-keys/{}",
        Access::DashboardTeam,
        Action::UpdateKey,
    )
    .body(&UPDATE_KEY),
    op(
        "DELETE",
        "/api-keys/{}",
        Access::DashboardTeam,
        Action::DeleteKey,
    ),
    op(
        "POST",
        "/access-tokens",
        Access::Dashboard,
        Action::CreateToken,
    )
    .body(&NEW_TOKEN),
    op(
        "DELETE",
        "/access-tokens/{}",
        Access::Dashboard,
        Action::DeleteToken,
    ),
];
