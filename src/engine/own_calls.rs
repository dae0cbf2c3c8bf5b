//! A module's calls of its own functions, told apart from those of every other module.
//!
//! Rhai remembers which function it found for a name and a number of arguments, and does not look again when the next call
//! comes from another module: of two modules that each have a `helper(x)`, one is soon given the other's, without a word
//! (seen in 1.26.0; `tests/semantics.rs` holds it). Names that no two modules share leave nothing to mix up. So each
//! function of an imported script gets a second name of that script's own, by which the script calls it; the first one
//! stays for those who import the script.

use std::cell::RefCell;
use std::collections::HashSet;

use rhai::{
    AST, ASTNode, Engine, Expr, FnAccess, Module, ParseError, Position, ScriptFuncDef, Stmt, Token,
};

use super::bodies::bodies;

/// Between a function's name and the number of its script. Rhai takes no name that no script could have, so this is one that
/// none has.
const MARK: &str = "__of_script_";

/// A function as Rhai finds it: by name and number of parameters.
type Signature = (String, usize);

/// What is renamed in the script that this thread is compiling.
struct Renaming {
    names: HashSet<String>,
    /// Where they are used.
    uses: HashSet<Position>,
    suffix: String,
    after_fn: bool,
}

thread_local! {
    static RENAMING: RefCell<Option<Renaming>> = const { RefCell::new(None) };
}

/// Has `engine` rename while [`compile`] works.
pub fn register(engine: &mut Engine) {
    #[allow(deprecated)] // the mark is Rhai's way to call it volatile, and its version is pinned
    engine.on_parse_token(|token, position, _| {
        RENAMING.with_borrow_mut(|renaming| match renaming {
            Some(renaming) => renaming.token(token, position),
            None => token,
        })
    });
}

/// Compiles an imported script, of which `plain` is the tree as it is written; no other script of
/// the engine may have the same number.
pub fn compile(engine: &Engine, plain: AST, text: &str, number: usize) -> Result<AST, ParseError> {
    let own = own_functions(&plain);
    if own.is_empty() {
        return Ok(plain);
    }
    let survey = Survey::of(&plain, &own);
    let renaming = Renaming {
        names: own.iter().map(|(name, _)| name.clone()).collect(),
        uses: survey.uses,
        suffix: format!("{MARK}{number}"),
        after_fn: false,
    };
    RENAMING.set(Some(renaming));
    let renamed = engine.compile(text);
    RENAMING.set(None);
    Ok(with_both_names(&renamed?, &survey.methods))
}

/// The name as the script has it.
pub fn plain_name(name: &str) -> &str {
    name.split_once(MARK).map_or(name, |(plain, _)| plain)
}

impl Renaming {
    fn token(&mut self, token: Token, position: Position) -> Token {
        let defines = std::mem::replace(&mut self.after_fn, token == Token::Fn);
        match token {
            Token::Identifier(name)
                if self.names.contains(name.as_str())
                    && (defines || self.uses.contains(&position)) =>
            {
                let mut name = name;
                name.push_str(&self.suffix);
                Token::Identifier(name)
            }
            other => other,
        }
    }
}

fn own_functions(ast: &AST) -> HashSet<Signature> {
    ast.iter_functions()
        .filter(|function| function.this_type.is_none() && !function.name.starts_with("anon$"))
        .map(|function| (function.name.to_owned(), function.params.len()))
        .collect()
}

/// How a script uses its own functions.
#[derive(Default)]
struct Survey {
    /// Where they are called as functions, or meant by their bare names.
    uses: HashSet<Position>,
    /// What is called as a method: it may be somebody else's, so it keeps its name.
    methods: HashSet<String>,
}

impl Survey {
    fn of(ast: &AST, own: &HashSet<Signature>) -> Survey {
        let mut survey = Survey::default();
        let top = AST::new(ast.statements().iter().cloned(), Module::new());
        survey.look(&top, &[], own);
        for (about, body) in bodies(ast) {
            survey.look(&body, &about.params, own);
        }
        survey
    }

    /// Looks at one body; closures within it have bodies of their own. Among `params` is what a closure captures.
    fn look(&mut self, body: &AST, params: &[&str], own: &HashSet<Signature>) {
        body.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(
                    ASTNode::Expr(Expr::FnCall(call, position))
                    | ASTNode::Stmt(Stmt::FnCall(call, position)),
                ) => {
                    let signature = (call.name.to_string(), call.args.len());
                    if call.namespace.is_empty() && own.contains(&signature) {
                        self.uses.insert(*position);
                    }
                }
                Some(ASTNode::Expr(Expr::MethodCall(call, _))) => {
                    self.methods.insert(call.name.to_string());
                }
                // without an index it is no variable of this body
                Some(ASTNode::Expr(Expr::Variable(variable, None, position)))
                    if variable.0.is_none()
                        && variable.2.is_empty()
                        && !params.contains(&variable.1.as_str())
                        && own.iter().any(|(name, _)| *name == variable.1.as_str()) =>
                {
                    self.uses.insert(*position);
                }
                _ => {}
            }
            true
        });
    }
}

/// The script with each of its functions under both names. The second one is nobody else's business, and the first one
/// of a function that only the script itself can call is nobody's.
fn with_both_names(renamed: &AST, methods: &HashSet<String>) -> AST {
    let mut functions = Module::new();
    for about in renamed.iter_functions() {
        let lib = renamed.shared_lib();
        let Some(function) = lib.get_script_fn(about.name, about.params.len()) else {
            continue;
        };
        let plain = plain_name(about.name);
        if plain != about.name {
            functions.set_script_fn(ScriptFuncDef {
                access: FnAccess::Private,
                ..(**function).clone()
            });
        }
        if plain == about.name || about.access == FnAccess::Public || methods.contains(plain) {
            functions.set_script_fn(ScriptFuncDef {
                name: plain.into(),
                ..(**function).clone()
            });
        }
    }
    AST::new(renamed.statements().iter().cloned(), functions)
}
