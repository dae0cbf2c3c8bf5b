//! The operations of today's API that SDKs and operators call.

use super::credential::Access;
use super::operation::{
    Action, NEW_KEY, Operation, REFRESH, RESUMED, STATES, TEMPLATE, TIMEOUT, UPDATE, UPDATE_KEY, op,
};
use super::query::Parameter;
use super::schema::{Body, INT, Kind, may, must};

const NEW_SANDBOX: Body = Body {
    name: "NewSandbox",
    required: true,
    typed: false,
    fields: &[
        must("templateID", Kind::Text),
        may("timeout", Kind::Int(0, INT)),
        may("autoPause", Kind::Bool),
        may("autoPauseMemory", Kind::Bool),
        may("autoResume", Kind::Object),
        may("secure", Kind::Bool),
        may("allow_internet_access", Kind::Bool),
        may("network", Kind::Object),
        may("metadata", Kind::Map),
        may("envVars", Kind::Map),
    ],
};

const NEW_SANDBOX_V2: Body = Body {
    name: "NewSandboxV2",
    ..NEW_SANDBOX
};

const CONNECT_V2: Body = Body {
    name: "ConnectSandboxV2",
    required: false,
    typed: true,
    fields: &[may("timeout", Kind::Int(0, INT)), may("memory", Kind::Bool)],
};

const CONNECT: Body = Body {
    name: "ConnectSandbox",
    required: true,
    typed: true,
    fields: &[
        must("timeout", Kind::Int(0, INT)),
        may("memory", Kind::Bool),
    ],
};

const PAUSE: Body = Body {
    name: "SandboxPauseRequest",
    required: false,
    typed: true,
    fields: &[may("memory", Kind::Bool)],
};

const SNAPSHOT: Body = Body {
    name: "",
    required: false,
    typed: true,
    fields: &[may("name", Kind::Text)],
};

const NETWORK: Body = Body {
    name: "SandboxNetworkUpdateConfig",
    required: false,
    typed: false,
    fields: &[],
};

const REQUEST_V3: Body = Body {
    name: "TemplateBuildRequestV3",
    required: true,
    typed: false,
    fields: &[
        may("name", Kind::Text),
        may("alias", Kind::Text),
        may("tags", Kind::Texts),
        may("teamID", Kind::Text),
        may("cpuCount", Kind::Int(1, INT)),
        may("memoryMB", Kind::Int(128, INT)),
    ],
};

const REQUEST_V2: Body = Body {
    name: "TemplateBuildRequestV2",
    required: true,
    typed: false,
    fields: &[
        must("alias", Kind::Text),
        may("teamID", Kind::Text),
        may("cpuCount", Kind::Int(1, INT)),
        may("memoryMB", Kind::Int(128, INT)),
    ],
};

const START: Body = Body {
    name: "TemplateBuildStartV2",
    required: true,
    typed: true,
    fields: &[
        may("fromImage", Kind::Text),
        may("fromTemplate", Kind::Text),
        may("fromImageRegistry", Kind::Object),
        may("force", Kind::Bool),
        may(
            "steps",
            Kind::Objects(&[
                must("type", Kind::Text),
                may("args", Kind::Texts),
                may("filesHash", Kind::Text),
                may("force", Kind::Bool),
            ]),
        ),
        may("startCmd", Kind::Text),
        may("readyCmd", Kind::Text),
    ],
};

const ASSIGN: Body = Body {
    name: "AssignTemplateTagsRequest",
    required: true,
    typed: true,
    fields: &[must("target", Kind::Text), must("tags", Kind::Texts)],
};

const REMOVE: Body = Body {
    name: "DeleteTemplateTagsRequest",
    required: true,
    typed: true,
    fields: &[must("name", Kind::Text), must("tags", Kind::Texts)],
};

const NODE: Body = Body {
    name: "NodeStatusChange",
    required: false,
    typed: false,
    fields: &[must(
        "status",
        Kind::OneOf(&["ready", "draining", "connecting", "unhealthy", "standby"]),
    )],
};

const LOGS: &[Parameter] = &[
    Parameter::Int("start", 0, i64::MAX),
    Parameter::Int("cursor", 0, i64::MAX),
    Parameter::Int("limit", 0, 1000),
];
const TOKENS_GONE: &str = "E2B_ACCESS_TOKEN is deprecated and can no longer be created. Use an API key (E2B_API_KEY) instead.";

/// All of them.
pub const UPSTREAM: &[Operation] = &[
    op("GET", "/health", Access::Open, Action::Health),
    op("GET", "/sandboxes", Access::Team, Action::ListSandboxes),
    op("POST", "/sandboxes", Access::Team, Action::CreateSandbox).body(&NEW_SANDBOX),
    op(
        "GET",
        "/v2/sandboxes",
        Access::Team,
        Action::ListAllSandboxes,
    )
    .query(&[STATES, Parameter::Int("limit", 1, 100)]),
    op("POST", "/v2/sandboxes", Access::Team, Action::CreateSandbox).body(&NEW_SANDBOX_V2),
    op(
        "POST",
        "/v2/sandboxes/{}/connect",
        Access::Team,
        Action::Connect,
    )
    .body(&CONNECT_V2),
    op(
        "GET",
        "/sandboxes/metrics",
        Access::Team,
        Action::AllMetrics,
    )
    .query(&[Parameter::Required("sandbox_ids")]),
    op("GET", "/sandboxes/{}", Access::Team, Action::GetSandbox),
    op("DELETE", "/sandboxes/{}", Access::Team, Action::KillSandbox),
    op("POST", "/sandboxes/{}/pause", Access::Team, Action::Pause).body(&PAUSE),
    op("POST", "/sandboxes/{}/resume", Access::Team, Action::Resume).body(&RESUMED),
    op(
        "POST",
        "/sandboxes/{}/connect",
        Access::Team,
        Action::Connect,
    )
    .body(&CONNECT),
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
    op(
        "PUT",
        "/sandboxes/{}/network",
        Access::Team,
        Action::Nothing,
    )
    .body(&NETWORK),
    op(
        "POST",
        "/sandboxes/{}/snapshots",
        Access::Team,
        Action::Snapshot,
    )
    .body(&SNAPSHOT),
    op("GET", "/snapshots", Access::Team, Action::ListSnapshots)
        .query(&[Parameter::Int("limit", 1, 100)]),
    op("GET", "/sandboxes/{}/logs", Access::Team, Action::Logs).query(LOGS),
    op(
        "GET",
        "/v2/sandboxes/{}/logs",
        Access::Team,
        Action::LogEntries,
    )
    .query(LOGS),
    op(
        "GET",
        "/sandboxes/{}/metrics",
        Access::Team,
        Action::Metrics,
    )
    .query(&[
        Parameter::Int("start", 0, i64::MAX),
        Parameter::Int("end", 0, i64::MAX),
    ]),
    op("GET", "/teams", Access::User, Action::ListTeams),
    op(
        "POST",
        "/v3/templates",
        Access::Team,
        Action::RequestTemplate,
    )
    .body(&REQUEST_V3),
    op(
        "POST",
        "/v2/templates",
        Access::Team,
        Action::RequestTemplate,
    )
    .body(&REQUEST_V2),
    op(
        "GET",
        "/v2/templates",
        Access::TeamOrUser,
        Action::ListTemplates,
    )
    .query(&[Parameter::Int("limit", 1, 100)]),
    op(
        "POST",
        "/v2/templates/{}/builds/{}",
        Access::Team,
        Action::StartBuildOfSteps,
    )
    .body(&START),
    op(
        "PATCH",
        "/v2/templates/{}",
        Access::TeamOrUser,
        Action::UpdateTemplate,
    )
    .body(&UPDATE),
    op("POST", "/templates/tags", Access::Team, Action::AssignTags).body(&ASSIGN),
    op(
        "DELETE",
        "/templates/tags",
        Access::Team,
        Action::RemoveTags,
    )
    .body(&REMOVE),
    op("GET", "/templates/aliases/{}", Access::Team, Action::Alias),
    op(
        "GET",
        "/templates",
        Access::TeamOrUser,
        Action::ListTemplates,
    ),
    op("POST", "/templates", Access::User, Action::CreateTemplate).body(&TEMPLATE),
    op("GET", "/templates/{}", Access::Team, Action::GetTemplate)
        .query(&[Parameter::Int("limit", 1, 100)]),
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
        Access::TeamOrUser,
        Action::UpdateTemplate,
    )
    .body(&UPDATE),
    op(
        "DELETE",
        "/templates/{}",
        Access::TeamOrUser,
        Action::DeleteTemplate,
    ),
    op("GET", "/templates/{}/tags", Access::Team, Action::ListTags),
    op(
        "GET",
        "/templates/{}/files/{}",
        Access::TeamOrUser,
        Action::TemplateFiles,
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
        Access::TeamOrUser,
        Action::BuildStatus,
    )
    .query(&[
        Parameter::Int("logsOffset", 0, INT),
        Parameter::Int("limit", 0, 100),
    ]),
    op(
        "GET",
        "/templates/{}/builds/{}/logs",
        Access::TeamOrUser,
        Action::BuildLogs,
    )
    .query(&[
        Parameter::Int("cursor", 0, i64::MAX),
        Parameter::Int("limit", 0, 100),
    ]),
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
        Access::Open,
        Action::Gone(TOKENS_GONE),
    ),
    op(
        "DELETE",
        "/access-tokens/{}",
        Access::Dashboard,
        Action::DeleteToken,
    ),
];
