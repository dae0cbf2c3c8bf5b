//! Templates: what sandboxes are made from.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::http::Method;

use super::access::Need;
use super::api::{Ask, path};
use super::link::Repeat;
use super::sandbox::or_default;
use super::{E2b, Error, Profile};

/// A template as lists show it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Template {
    #[serde(rename(deserialize = "templateID"))]
    pub id: String,
    /// The newest build that is ready, else the newest.
    #[serde(rename(deserialize = "buildID"))]
    pub build: String,
    #[serde(default, deserialize_with = "or_default")]
    pub aliases: Vec<String>,
    pub cpu_count: i64,
    #[serde(rename(deserialize = "memoryMB"))]
    pub memory_mb: i64,
    // `public` is a reserved word of the script language
    #[serde(rename(serialize = "is_public"))]
    pub public: bool,
    pub created_at: String,
    pub updated_at: String,
    #[serde(default)]
    pub last_spawned_at: Option<String>,
    pub spawn_count: i64,
    pub build_count: i64,
    /// Upstream's: `ready`, `building`, `waiting`, `error`.
    #[serde(default)]
    pub build_status: Option<String>,
    /// Upstream's.
    #[serde(default)]
    pub envd_version: Option<String>,
}

impl Template {
    /// Whether `name` is its id or one of its aliases.
    pub fn is_called(&self, name: &str) -> bool {
        self.id == name || self.aliases.iter().any(|alias| alias == name)
    }
}

/// What a template is to be.
#[derive(Clone, Debug, Default)]
pub struct NewTemplate {
    /// What it is called besides its id; upstream asks for one.
    pub alias: Option<String>,
    /// The seed keeps this text and does not build it; upstream's builds are described when they start.
    pub dockerfile: String,
    pub cpu_count: Option<i64>,
    pub memory_mb: Option<i64>,
    pub start_cmd: Option<String>,
    pub ready_cmd: Option<String>,
    /// The team's id; the user's default team without it.
    pub team: Option<String>,
}

/// Rows that were made: nothing is built yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Requested {
    #[serde(rename(deserialize = "templateID"))]
    pub template: String,
    #[serde(rename(deserialize = "buildID"))]
    pub build: String,
    #[serde(default, deserialize_with = "or_default")]
    pub aliases: Vec<String>,
}

#[derive(Deserialize)]
struct Aliased {
    #[serde(rename = "templateID")]
    id: String,
}

impl E2b {
    /// The templates of the team: by its id, else of the key or of the user's default team.
    pub async fn list_templates(&self, team: Option<&str>) -> Result<Vec<Template>, Error> {
        let profile = self.profile().await?;
        let (place, need) = match profile {
            Profile::Seed => ("/templates", Need::AccessToken),
            Profile::Upstream => ("/v2/templates", Need::Either),
        };
        let mut all: Vec<Template> = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut ask = Ask::get(place.to_owned(), need);
            ask.query
                .extend(team.map(|team| ("teamID", team.to_owned())));
            ask.query
                .extend(token.take().map(|token| ("nextToken", token)));
            let answer = self.ask(ask).await?;
            let shown = format!("GET {place}");
            let page: Vec<Template> = super::api::parse(super::Service::Api, &shown, &answer)?;
            let grown = !page.is_empty();
            all.extend(page);
            let next = answer.headers.get("x-next-token");
            token = next
                .and_then(|value| value.to_str().ok())
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if token.is_none() || !grown || profile == Profile::Seed {
                return Ok(all);
            }
        }
    }

    /// The template of that id or alias; `None` when the team has none.
    pub async fn find_template(&self, name: &str) -> Result<Option<Template>, Error> {
        let wanted = name.trim().to_lowercase();
        let all = self.list_templates(None).await?;
        if let Some(found) = all.iter().find(|one| one.is_called(&wanted)) {
            return Ok(Some(found.clone()));
        }
        // upstream's names may have the team in front
        if self.profile().await? == Profile::Seed {
            return Ok(None);
        }
        let ask = Ask::get(path(&["templates", "aliases", &wanted]), Need::ApiKey);
        match self.read::<Aliased>(ask).await {
            Ok(aliased) => Ok(all.into_iter().find(|one| one.id == aliased.id)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the rows of a new template and of its first build.
    pub async fn create_template(&self, new: &NewTemplate) -> Result<Requested, Error> {
        match self.profile().await? {
            Profile::Seed => self.request_v1("/templates".to_owned(), new).await,
            Profile::Upstream => {
                let Some(name) = &new.alias else {
                    return Err(Error::Argument(
                        "a template of the profile `upstream` needs an alias".to_owned(),
                    ));
                };
                let mut body = Map::new();
                body.insert("name".to_owned(), json!(name));
                sizes(&mut body, new);
                let ask = Ask::post(
                    "/v3/templates".to_owned(),
                    Need::ApiKey,
                    Some(Value::Object(body)),
                );
                self.read(Ask {
                    expect: &[202],
                    ..ask
                })
                .await
            }
        }
    }

    /// Makes the row of another build of a template; the seed takes its id alone, no alias.
    pub async fn rebuild_template(&self, id: &str, new: &NewTemplate) -> Result<Requested, Error> {
        match self.profile().await? {
            Profile::Seed => self.request_v1(path(&["templates", id]), new).await,
            Profile::Upstream => {
                let new = NewTemplate {
                    alias: new.alias.clone().or_else(|| Some(id.to_owned())),
                    ..new.clone()
                };
                self.create_template(&new).await
            }
        }
    }

    async fn request_v1(&self, place: String, new: &NewTemplate) -> Result<Requested, Error> {
        let mut body = Map::new();
        body.insert("dockerfile".to_owned(), json!(new.dockerfile));
        let texts = [
            ("alias", &new.alias),
            ("startCmd", &new.start_cmd),
            ("readyCmd", &new.ready_cmd),
            ("teamID", &new.team),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                body.insert(name.to_owned(), json!(text));
            }
        }
        sizes(&mut body, new);
        let ask = Ask::post(place, Need::AccessToken, Some(Value::Object(body)));
        self.read(Ask {
            expect: &[202],
            ..ask
        })
        .await
    }

    /// Lets every team use a template, or only its own.
    pub async fn set_template_public(&self, id: &str, public: bool) -> Result<(), Error> {
        let (place, need) = match self.profile().await? {
            Profile::Seed => (path(&["templates", id]), Need::AccessToken),
            Profile::Upstream => (path(&["v2", "templates", id]), Need::Either),
        };
        let ask = Ask {
            method: Method::PATCH,
            body: Some(json!({ "public": public })),
            ..Ask::get(place, need)
        };
        self.ask(ask).await.map(drop)
    }

    /// Removes a template and its builds. `false`: there was none.
    pub async fn delete_template(&self, id: &str) -> Result<bool, Error> {
        let need = match self.profile().await? {
            Profile::Seed => Need::AccessToken,
            Profile::Upstream => Need::Either,
        };
        let ask = Ask {
            method: Method::DELETE,
            repeat: Repeat::Never,
            expect: &[200, 204],
            ..Ask::get(path(&["templates", id]), need)
        };
        match self.ask(ask).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn sizes(body: &mut Map<String, Value>, new: &NewTemplate) {
    if let Some(count) = new.cpu_count {
        body.insert("cpuCount".to_owned(), json!(count));
    }
    if let Some(memory) = new.memory_mb {
        body.insert("memoryMB".to_owned(), json!(memory));
    }
}
