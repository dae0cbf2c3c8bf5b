//! Who asks: keys, tokens, and what is said to those who have none.

use super::answer::Answer;
use super::database::{Database, Lease};
use super::jwt;
use super::key;
use super::options::Profile;
use super::platform::Platform;
use super::request::Request;
use super::team::Team;

/// Which credentials an operation takes; of several, any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Open,
    /// A team's key, or the dashboard's token and team.
    Team,
    /// A team's key alone.
    Key,
    /// A user's access token, or the dashboard's token.
    User,
    /// The dashboard's token.
    Dashboard,
    /// The dashboard's token and team.
    DashboardTeam,
    /// A team's key or a user's access token.
    TeamOrUser,
    /// The administrator's token.
    Admin,
}

/// Who was recognised.
#[derive(Debug, Clone, Default)]
pub struct Principal {
    /// The team of the key, or the one that was named.
    pub team: Option<Team>,
    /// The user of the token.
    pub user: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Scheme {
    Key,
    Token,
    Dashboard,
    DashboardTeam,
    Admin,
    AdminTeam,
}

impl Access {
    /// The alternatives, each of schemes that must all be met.
    fn alternatives(self, profile: Profile) -> &'static [&'static [Scheme]] {
        use Scheme::{Admin, AdminTeam, Dashboard, DashboardTeam, Key, Token};
        match (self, profile) {
            (Access::Open, _) => &[],
            (Access::Team, Profile::Seed) => &[&[Key], &[Dashboard, DashboardTeam]],
            (Access::Team, Profile::Upstream) => {
                &[&[Key], &[Dashboard, DashboardTeam], &[Admin, AdminTeam]]
            }
            (Access::Key, _) => &[&[Key]],
            (Access::User, _) => &[&[Token], &[Dashboard]],
            (Access::Dashboard, _) => &[&[Dashboard]],
            (Access::DashboardTeam, Profile::Seed) => &[&[Dashboard, DashboardTeam]],
            (Access::DashboardTeam, Profile::Upstream) => {
                &[&[Dashboard, DashboardTeam], &[Admin, AdminTeam]]
            }
            (Access::TeamOrUser, _) => &[
                &[Key],
                &[Token],
                &[Dashboard, DashboardTeam],
                &[Admin, AdminTeam],
            ],
            (Access::Admin, _) => &[&[Admin]],
        }
    }
}

/// Why a scheme was not met.
#[derive(Debug)]
struct Refusal {
    /// Nothing was sent for it: another scheme may know more.
    missing: bool,
    answer: Answer,
}

const KEY: &str =
    "Invalid API key, please visit https://e2b.dev/docs/quickstart/api-key for more information.";
const TOKEN: &str = "Invalid Access token, try to login again by running `e2b auth login`.";
const DASHBOARD: &str = "Invalid Supabase token.";
const DASHBOARD_TEAM: &str = "Invalid Supabase token teamID.";
const ADMIN: &str = "Invalid Access token.";

impl Refusal {
    fn missing(text: &str) -> Refusal {
        Refusal {
            missing: true,
            answer: Answer::problem(401, format!("{text} authorization header is missing")),
        }
    }

    fn malformed(text: &str) -> Refusal {
        Refusal {
            missing: false,
            answer: Answer::problem(401, format!("{text} authorization header is malformed")),
        }
    }

    fn detailed(text: &str, detail: &str) -> Refusal {
        Refusal {
            missing: false,
            answer: Answer::problem(401, format!("{text}\n{detail}")),
        }
    }
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Refusal {
        Refusal {
            missing: false,
            answer,
        }
    }
}

/// Recognises who asks. The refusal is that of the first scheme that was tried, else of the first there is.
pub async fn recognise(
    platform: &Platform,
    access: Access,
    request: &Request,
) -> Result<Principal, Answer> {
    let alternatives = access.alternatives(platform.database.profile());
    if alternatives.is_empty() {
        return Ok(Principal::default());
    }
    let mut refusals: Vec<Refusal> = Vec::new();
    for schemes in alternatives {
        match meet(platform, schemes, request).await {
            Ok(principal) => return Ok(principal),
            Err(refusal) => refusals.push(refusal),
        }
    }
    let told = refusals
        .iter()
        .position(|refusal| !refusal.missing)
        .unwrap_or(0);
    Err(refusals
        .into_iter()
        .nth(told)
        .map_or_else(|| Answer::empty(401), |refusal| refusal.answer))
}

async fn meet(
    platform: &Platform,
    schemes: &[Scheme],
    request: &Request,
) -> Result<Principal, Refusal> {
    let mut principal = Principal::default();
    for scheme in schemes {
        match scheme {
            Scheme::Key => principal.team = Some(by_key(platform, request).await?),
            Scheme::Token => principal.user = Some(by_token(platform, request).await?),
            Scheme::Dashboard => {
                let token = sent(request, "x-supabase-token", DASHBOARD)?;
                let user = jwt::user(token, &platform.options.jwt_secrets).map_err(|why| {
                    Refusal::detailed(DASHBOARD, &format!("Backend authentication failed ({why})"))
                })?;
                principal.user = Some(user);
            }
            Scheme::DashboardTeam => {
                let named = sent(request, "x-supabase-team", DASHBOARD_TEAM)?;
                let user = principal.user.as_deref().unwrap_or_default();
                principal.team = Some(team_of(&platform.database, named, Some(user)).await?);
            }
            Scheme::Admin => {
                if sent(request, "x-admin-token", ADMIN)? != platform.options.admin_token {
                    let detail = format!("{ADMIN} (invalid access token)");
                    return Err(Refusal::detailed(ADMIN, &detail));
                }
            }
            Scheme::AdminTeam => {
                let named = sent(request, "x-team-id", ADMIN)?;
                principal.team = Some(team_of(&platform.database, named, None).await?);
            }
        }
    }
    Ok(principal)
}

fn sent<'r>(request: &'r Request, header: &str, text: &str) -> Result<&'r str, Refusal> {
    match request.header(header) {
        "" => Err(Refusal::missing(text)),
        value => Ok(value),
    }
}

async fn lease(database: &Database) -> Result<Lease, Refusal> {
    database
        .get()
        .await
        .map_err(|error| Answer::from(error).into())
}

async fn by_key(platform: &Platform, request: &Request) -> Result<Team, Refusal> {
    let value = sent(request, "x-api-key", KEY)?;
    if !value.starts_with(key::TEAM) {
        return Err(Refusal::malformed(KEY));
    }
    let db = lease(&platform.database).await?;
    let found = match platform.faults.expired(value) {
        true => None,
        false => Team::of_key(&db, platform.database.profile(), value)
            .await
            .map_err(Answer::from)?,
    };
    let detail = "Cannot get the team for the given API key (failed to get the team from db for an api key: error while getting the team: failed to get team from API key: models: team not found)";
    Ok(found
        .ok_or_else(|| Refusal::detailed(KEY, detail))?
        .admit()?)
}

async fn by_token(platform: &Platform, request: &Request) -> Result<String, Refusal> {
    let value = sent(request, "authorization", TOKEN)?;
    let value = value.strip_prefix("Bearer ").unwrap_or(value);
    if !value.starts_with(key::USER) {
        return Err(Refusal::malformed(TOKEN));
    }
    let db = lease(&platform.database).await?;
    let (column, wanted) = match platform.database.profile() {
        Profile::Seed => ("access_token", Some(value.to_owned())),
        Profile::Upstream => ("access_token_hash", key::hash(value, key::USER)),
    };
    let wanted = wanted.filter(|_| !platform.faults.expired(value));
    let query = format!("SELECT user_id::text FROM public.access_tokens WHERE {column} = $1");
    let row = db
        .query_opt(query.as_str(), &[&wanted])
        .await
        .map_err(Answer::from)?;
    let detail = "Cannot get the user for the given access token (failed to get the user from db for an access token: failed to get user from access token: models: access_token not found)";
    row.map(|row| row.get(0))
        .ok_or_else(|| Refusal::detailed(TOKEN, detail))
}

/// The team that was named: one of the user's, where there is a user.
async fn team_of(database: &Database, named: &str, user: Option<&str>) -> Result<Team, Refusal> {
    let refuse = |why: &str| {
        let detail = format!("Backend authentication failed ({why})");
        Refusal::detailed(DASHBOARD_TEAM, &detail)
    };
    let id = super::id::parse_uuid(named)
        .map_err(|why| refuse(&format!("failed to parse supabase team: {why}")))?;
    let db = lease(database).await?;
    let profile = database.profile();
    let found = match user {
        Some(user) => Team::of_user(&db, profile, user)
            .await
            .map_err(Answer::from)?
            .into_iter()
            .find(|team| team.id == id),
        None => Team::by_id(&db, profile, &id).await.map_err(Answer::from)?,
    };
    Ok(found
        .ok_or_else(|| refuse("failed getting team: models: team not found"))?
        .admit()?)
}
