//! A call of an operation, let in and checked.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::answer::Answer;
use super::credential::Principal;
use super::id;
use super::options::Profile;
use super::platform::Platform;
use super::request::Request;
use super::schema;
use super::team::Team;

/// What a handler works with.
#[derive(Debug)]
pub struct Call {
    /// Everything else there is.
    pub platform: Arc<Platform>,
    /// The request as it came.
    pub request: Request,
    /// Who asks.
    pub principal: Principal,
    /// The variable parts of the path, in order.
    pub path: Vec<String>,
    /// The fields of the body.
    pub body: Map<String, Value>,
}

impl Call {
    /// The generation that is imitated.
    pub fn profile(&self) -> Profile {
        self.platform.database.profile()
    }

    /// Whether it is today's.
    pub fn is_upstream(&self) -> bool {
        self.profile() == Profile::Upstream
    }

    /// A variable part of the path.
    pub fn part(&self, at: usize) -> &str {
        self.path.get(at).map_or("", String::as_str)
    }

    /// The id of the sandbox that the path names, without what stands behind it.
    pub fn sandbox_id(&self) -> Result<&str, Answer> {
        let part = self.part(0);
        if self.is_upstream() && part.split('-').count() > 2 {
            return Err(Answer::problem(400, "Invalid sandbox ID"));
        }
        Ok(id::short_sandbox(part))
    }

    /// The team that asks.
    pub fn team(&self) -> Result<&Team, Answer> {
        self.principal
            .team
            .as_ref()
            .ok_or_else(|| Answer::problem(401, "Team not found"))
    }

    /// The user who asks.
    pub fn user(&self) -> Result<&str, Answer> {
        self.principal
            .user
            .as_deref()
            .ok_or_else(|| Answer::problem(401, "User not found"))
    }

    /// A text of the body.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// An integer of the body.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.body.get(name).and_then(schema::integer)
    }

    /// A boolean of the body.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.body.get(name).and_then(Value::as_bool)
    }

    /// A map of the body.
    pub fn map(&self, name: &str) -> Option<&Map<String, Value>> {
        self.body.get(name).and_then(Value::as_object)
    }

    /// The strings of a list of the body.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.body
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }
}
