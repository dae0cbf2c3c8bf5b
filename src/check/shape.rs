//! What is known of a value before anything runs: the kinds it may be of, what a map may hold.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::suggest::nearest;

/// Kinds of value that need no more than their name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    pub const NONE: Kinds = Kinds(0);
    pub const UNIT: Kinds = Kinds(1);
    pub const BOOL: Kinds = Kinds(1 << 1);
    pub const INT: Kinds = Kinds(1 << 2);
    pub const FLOAT: Kinds = Kinds(1 << 3);
    pub const TEXT: Kinds = Kinds(1 << 4);
    pub const CHAR: Kinds = Kinds(1 << 5);
    pub const BLOB: Kinds = Kinds(1 << 6);
    pub const RANGE: Kinds = Kinds(1 << 7);
    pub const CLOSURE: Kinds = Kinds(1 << 8);
    pub const SECRET: Kinds = Kinds(1 << 9);
    /// What `catch` gives.
    pub const ERROR: Kinds = Kinds(1 << 10);
    pub const ARRAY: Kinds = Kinds(1 << 11);
    pub const MAP: Kinds = Kinds(1 << 12);
    pub const NUMBER: Kinds = Kinds(Self::INT.0 | Self::FLOAT.0);

    /// Each with the name that Rhai gives it.
    const NAMES: [(Kinds, &'static str); 13] = [
        (Kinds::UNIT, "()"),
        (Kinds::BOOL, "bool"),
        (Kinds::INT, "integer"),
        (Kinds::FLOAT, "float"),
        (Kinds::TEXT, "string"),
        (Kinds::CHAR, "character"),
        (Kinds::BLOB, "blob"),
        (Kinds::RANGE, "range"),
        (Kinds::CLOSURE, "closure"),
        (Kinds::SECRET, "Secret"),
        (Kinds::ERROR, "Error"),
        (Kinds::ARRAY, "array"),
        (Kinds::MAP, "map"),
    ];

    pub const fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    pub fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    fn without(self, other: Kinds) -> Kinds {
        Kinds(self.0 & !other.0)
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(kind, _)| self.meets(*kind))
            .map(|(_, name)| name)
    }
}

/// What a value may be. Without any kind, nothing has a value there yet.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Nothing is known.
    any: bool,
    pub kinds: Kinds,
    /// Names of the handles it may be.
    pub handles: Vec<&'static str>,
    /// What an array holds, if it may be one.
    item: Option<Rc<Shape>>,
    /// What a map holds, if it may be one.
    fields: Option<Rc<Fields>>,
    /// All the strings it may be, where they are known.
    texts: Option<Rc<Vec<String>>>,
    /// What a closure returns.
    returns: Option<Rc<Shape>>,
}

/// The keys of a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    pub known: BTreeMap<String, Shape>,
    /// There may be others.
    pub open: bool,
    /// What the map is, for messages.
    pub title: Option<&'static str>,
}

/// A step from a value into it.
#[derive(Clone, Debug)]
pub enum Step {
    Field(String),
    Index,
}

/// More alternatives than this are not told apart.
const MOST_TEXTS: usize = 48;
/// Maps in maps beyond this depth are not looked into.
const MOST_DEPTH: usize = 7;

impl PartialEq for Shape {
    fn eq(&self, other: &Shape) -> bool {
        self.any == other.any
            && self.kinds == other.kinds
            && self.handles == other.handles
            && same(&self.item, &other.item)
            && same(&self.fields, &other.fields)
            && same(&self.texts, &other.texts)
            && same(&self.returns, &other.returns)
    }
}

/// Most parts that are compared are one and the same.
fn same<T: PartialEq>(one: &Option<Rc<T>>, other: &Option<Rc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Rc::ptr_eq(one, other) || one == other,
        (None, None) => true,
        _ => false,
    }
}

impl Shape {
    pub fn any() -> Shape {
        Shape {
            any: true,
            ..Shape::default()
        }
    }

    /// What nothing has been found to be.
    pub fn never() -> Shape {
        Shape::default()
    }

    pub fn of(kinds: Kinds) -> Shape {
        Shape {
            kinds,
            ..Shape::default()
        }
    }

    pub fn handle(name: &'static str) -> Shape {
        Shape {
            handles: vec![name],
            ..Shape::default()
        }
    }

    pub fn text(text: &str) -> Shape {
        Shape {
            kinds: Kinds::TEXT,
            texts: Some(Rc::new(vec![text.to_owned()])),
            ..Shape::default()
        }
    }

    pub fn array(item: Shape) -> Shape {
        Shape {
            kinds: Kinds::ARRAY,
            item: Some(Rc::new(item)),
            ..Shape::default()
        }
    }

    pub fn map(fields: Fields) -> Shape {
        Shape {
            kinds: Kinds::MAP,
            fields: Some(Rc::new(fields)),
            ..Shape::default()
        }
    }

    /// A map of which nothing is known.
    pub fn open_map() -> Shape {
        Shape::map(Fields {
            open: true,
            ..Fields::default()
        })
    }

    pub fn closure(returns: Shape) -> Shape {
        Shape {
            kinds: Kinds::CLOSURE,
            returns: Some(Rc::new(returns)),
            ..Shape::default()
        }
    }

    /// Whether it is known what the value may be.
    pub fn is_definite(&self) -> bool {
        !self.any && (self.kinds != Kinds::NONE || !self.handles.is_empty())
    }

    pub fn is_any(&self) -> bool {
        self.any
    }

    /// Whether it cannot be anything but of these kinds.
    pub fn is_only(&self, kinds: Kinds) -> bool {
        self.is_definite() && self.handles.is_empty() && self.kinds.without(kinds) == Kinds::NONE
    }

    /// Whether it may be of one of these kinds.
    pub fn may_be(&self, kinds: Kinds) -> bool {
        !self.is_definite() || self.kinds.meets(kinds)
    }

    /// The one handle that it must be.
    pub fn only_handle(&self) -> Option<&'static str> {
        match self.handles.as_slice() {
            [name] if !self.any && self.kinds == Kinds::NONE => Some(name),
            _ => None,
        }
    }

    /// Without `()`, which has been asked about.
    pub fn without_unit(mut self) -> Shape {
        self.kinds = self.kinds.without(Kinds::UNIT);
        self
    }

    /// What iterating over it, or an index, gives.
    pub fn item(&self) -> Shape {
        match &self.item {
            Some(item) if self.is_only(Kinds::ARRAY) => (**item).clone(),
            _ => Shape::any(),
        }
    }

    /// What a `for` gives one after the other.
    pub fn iterated(&self) -> Shape {
        match self.is_only(Kinds::RANGE) {
            true => Shape::of(Kinds::INT),
            false => self.item(),
        }
    }

    pub fn fields(&self) -> Option<&Fields> {
        self.fields.as_deref().filter(|_| !self.any)
    }

    pub fn texts(&self) -> Option<&[String]> {
        let known = self.texts.as_ref().filter(|_| self.is_only(Kinds::TEXT))?;
        Some(known)
    }

    pub fn returns(&self) -> Shape {
        match &self.returns {
            Some(returns) if !self.any => (**returns).clone(),
            _ => Shape::any(),
        }
    }

    /// The same kinds, with nothing known of what is in it.
    pub fn outline(&self) -> Shape {
        let mut outline = Shape {
            any: self.any,
            kinds: self.kinds,
            handles: self.handles.clone(),
            ..Shape::default()
        };
        if self.kinds.meets(Kinds::ARRAY) {
            outline.item = Some(Rc::new(Shape::any()));
        }
        if self.kinds.meets(Kinds::MAP) {
            outline.fields = Shape::open_map().fields;
        }
        outline
    }

    /// One or the other.
    pub fn join(&self, other: &Shape) -> Shape {
        self.join_within(other, MOST_DEPTH)
    }

    fn join_within(&self, other: &Shape, depth: usize) -> Shape {
        if self.any || other.any || depth == 0 {
            return Shape::any();
        }
        if self == other || !other.is_definite() {
            return self.clone();
        }
        if !self.is_definite() {
            return other.clone();
        }
        let mut handles = self.handles.clone();
        handles.extend(
            other
                .handles
                .iter()
                .filter(|name| !self.handles.contains(name)),
        );
        let either = |a: &Option<Rc<Shape>>, b: &Option<Rc<Shape>>| match (a, b) {
            (Some(a), Some(b)) => Some(Rc::new(a.join_within(b, depth - 1))),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        let fields = match (&self.fields, &other.fields) {
            (Some(a), Some(b)) => Some(Rc::new(a.join(b, depth - 1))),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        Shape {
            any: false,
            kinds: self.kinds.or(other.kinds),
            handles,
            item: either(&self.item, &other.item),
            fields,
            texts: self.join_texts(other),
            returns: either(&self.returns, &other.returns),
        }
    }

    fn join_texts(&self, other: &Shape) -> Option<Rc<Vec<String>>> {
        let is_text = |shape: &Shape| shape.kinds.meets(Kinds::TEXT);
        match (&self.texts, &other.texts) {
            (Some(a), Some(b)) => {
                let mut all: Vec<String> = a.to_vec();
                all.extend(b.iter().filter(|text| !a.contains(text)).cloned());
                (all.len() <= MOST_TEXTS).then(|| Rc::new(all))
            }
            (Some(known), None) if !is_text(other) => Some(known.clone()),
            (None, Some(known)) if !is_text(self) => Some(known.clone()),
            _ => None,
        }
    }

    /// Changes what is found at the end of `path`.
    pub fn change(&mut self, path: &[Step], change: &mut dyn FnMut(&mut Shape)) {
        let Some((step, rest)) = path.split_first() else {
            return change(self);
        };
        if self.any {
            return;
        }
        match step {
            Step::Field(name) => {
                if let Some(fields) = &mut self.fields {
                    let fields = Rc::make_mut(fields);
                    let field = fields.known.entry(name.clone());
                    let open = fields.open;
                    let field = field.or_insert_with(|| match open {
                        true => Shape::any(),
                        false => Shape::never(),
                    });
                    field.change(rest, change);
                }
            }
            Step::Index => {
                if let Some(item) = &mut self.item {
                    Rc::make_mut(item).change(rest, change);
                }
                if let Some(fields) = &mut self.fields {
                    let fields = Rc::make_mut(fields);
                    fields.open = true;
                    fields
                        .known
                        .values_mut()
                        .for_each(|field| *field = Shape::any());
                }
            }
        }
    }

    /// What `map + other` gives, where `other`'s keys win.
    pub fn overlaid(&self, other: &Shape) -> Shape {
        match (self.fields(), other.fields()) {
            (Some(a), Some(b)) => {
                let mut fields = a.clone();
                fields.open |= b.open;
                for (key, value) in &b.known {
                    fields.known.insert(key.clone(), value.clone());
                }
                if b.open {
                    fields
                        .known
                        .values_mut()
                        .for_each(|field| *field = Shape::any());
                }
                Shape::map(fields)
            }
            _ => Shape::open_map(),
        }
    }

    /// In words: `a string or a Host`.
    pub fn words(&self) -> String {
        let names = self.kinds.names().chain(self.handles.iter().copied());
        let words: Vec<String> = names.map(crate::diag::types::with_article).collect();
        words.join(" or ")
    }
}

impl Fields {
    fn join(&self, other: &Fields, depth: usize) -> Fields {
        let mut known = self.known.clone();
        for (key, value) in &other.known {
            match known.get_mut(key) {
                Some(mine) => *mine = mine.join_within(value, depth),
                // What only one of them has may be missing, and may be read where it is there.
                None => {
                    known.insert(key.clone(), value.clone());
                }
            }
        }
        Fields {
            known,
            open: self.open || other.open,
            title: self.title.or(other.title),
        }
    }

    pub fn get(&self, key: &str) -> Option<Shape> {
        match self.known.get(key) {
            Some(shape) => Some(shape.clone()),
            None => self.open.then(Shape::any),
        }
    }

    /// What helps where `key` is none of the keys.
    pub fn help(&self, key: &str) -> Option<String> {
        let known = self.known.keys().map(String::as_str);
        match nearest(key, known.clone()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if self.known.is_empty() => None,
            None if self.known.len() > 12 => None,
            None => Some(format!("it has: {}", known.collect::<Vec<_>>().join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(keys: &[(&str, Shape)]) -> Shape {
        let known = keys
            .iter()
            .map(|(key, shape)| ((*key).to_owned(), shape.clone()));
        Shape::map(Fields {
            known: known.collect(),
            ..Fields::default()
        })
    }

    #[test]
    fn one_or_the_other_has_the_keys_of_both() {
        let joined = map(&[("a", Shape::text("x"))]).join(&map(&[("b", Shape::of(Kinds::INT))]));
        let fields = joined.fields().unwrap();
        assert!(fields.get("a").is_some() && fields.get("b").is_some());
        assert!(fields.get("c").is_none());
        assert!(
            joined
                .join(&Shape::open_map())
                .fields()
                .unwrap()
                .get("c")
                .is_some()
        );
    }

    #[test]
    fn what_may_be_anything_is_not_known() {
        let text = Shape::text("x");
        assert!(!text.join(&Shape::any()).is_definite());
        assert_eq!(Shape::never().join(&text), text);
        assert_eq!(
            text.join(&Shape::handle("Host")).words(),
            "a string or a Host"
        );
    }

    #[test]
    fn strings_are_known_until_one_is_not() {
        let both = Shape::text("x").join(&Shape::text("y"));
        assert_eq!(both.texts().unwrap(), ["x", "y"]);
        assert!(both.join(&Shape::of(Kinds::TEXT)).texts().is_none());
    }

    #[test]
    fn a_change_within_is_seen_from_outside() {
        let mut shape = map(&[("list", Shape::array(Shape::never()))]);
        let path = [Step::Field("list".into()), Step::Index];
        shape.change(&path, &mut |item| *item = Shape::text("x"));
        let list = shape.fields().unwrap().get("list").unwrap();
        assert_eq!(list.item(), Shape::text("x"));
    }
}
