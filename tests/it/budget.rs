//! The budget of the house: how much code, how many settings, kinds of action and public items there may be.
//!
//! What counts:
//!
//! * a line of code is a line of `src` outside of `services` and `host` that is neither empty nor comment. The services
//!   are written like ones of a user's own; the host kit is what adapters would have to say twice, and has a budget of
//!   its own;
//! * a setting is a leaf of the serde form of `Config` or `PeerPolicy`: a field whose type has no settings of its own.
//!   An enum is one setting whatever its variants hold;
//! * a kind of action is one of `Action::KINDS`;
//! * a public item is what a program outside can name: a type or trait, a method of either, a function, a constant, a
//!   variant of an enum, a field of a struct or of a variant. Whatever says `pub` is reachable, since the compiler
//!   warns of what is not. Modules, re-exports and implementations of traits do not count: they name nothing new.

use std::collections::BTreeMap;

use redial::Action;

use crate::tidy::{code, files};

/// A part of a file: a word, a sign, or all between two brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Word(String),
    Sign(char),
    Group(char, Vec<Part>),
}

impl Part {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    fn is_sign(&self, sign: char) -> bool {
        matches!(self, Self::Sign(own) if *own == sign)
    }

    /// What stands between brackets of this kind.
    fn within(&self, bracket: char) -> Option<&[Self]> {
        match self {
            Self::Group(own, parts) if *own == bracket => Some(parts),
            _ => None,
        }
    }
}

/// A file's parts, without comments, texts and lifetimes.
fn parts(text: &str) -> Vec<Part> {
    let chars: Vec<char> = text.chars().collect();
    let mut open = vec![('\0', Vec::new())];
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let rest = &chars[at..];
        let length = match c {
            '/' if rest.starts_with(&['/', '/']) => rest.iter().take_while(|c| **c != '\n').count(),
            'r' if rest.starts_with(&['r', '"']) => 2 + until(&rest[2..], &['"']),
            'r' if rest.starts_with(&['r', '#', '"']) => 3 + until(&rest[3..], &['"', '#']),
            '"' => text_length(rest, '"'),
            '\'' if rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'') => text_length(rest, '\''),
            _ if c.is_alphanumeric() || c == '_' => {
                let word: String = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                let length = word.chars().count();
                push(&mut open, Part::Word(word));
                length
            }
            '{' | '(' | '[' => {
                open.push((c, Vec::new()));
                1
            }
            '}' | ')' | ']' => {
                let (bracket, parts) = open.pop().expect("something was open");
                push(&mut open, Part::Group(bracket, parts));
                1
            }
            _ if c.is_whitespace() => 1,
            _ => {
                push(&mut open, Part::Sign(c));
                1
            }
        };
        at += length;
    }
    assert_eq!(open.len(), 1, "every bracket is closed");
    open.remove(0).1
}

fn push(open: &mut [(char, Vec<Part>)], part: Part) {
    open.last_mut().expect("the file itself is open").1.push(part);
}

/// The length up to the end of this mark.
fn until(rest: &[char], mark: &[char]) -> usize {
    rest.windows(mark.len()).position(|window| window == mark).expect("it ends") + mark.len()
}

/// The length of a text or of a character, quotes included.
fn text_length(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// What stands between commas, without attributes. A comma between angle brackets separates nothing.
fn entries(parts: &[Part]) -> Vec<Vec<Part>> {
    let (mut found, mut angles, mut at) = (vec![Vec::new()], 0_u32, 0);
    while let Some(part) = parts.get(at) {
        at += 1;
        match part {
            Part::Sign('#') => at += 1,
            Part::Sign(',') if angles == 0 => found.push(Vec::new()),
            part => {
                match part {
                    Part::Sign('<') => angles += 1,
                    Part::Sign('>') if !parts[at - 2].is_sign('-') => angles -= 1,
                    _ => {}
                }
                found.last_mut().expect("there is one").push(part.clone());
            }
        }
    }
    found.retain(|entry| !entry.is_empty());
    found
}

/// Whether an item is public without restriction, and what comes after that.
fn visibility(item: &[Part]) -> (bool, &[Part]) {
    match item {
        [first, restricted, rest @ ..] if first.is("pub") && restricted.within('(').is_some() => (false, rest),
        [first, rest @ ..] if first.is("pub") => (true, rest),
        _ => (false, item),
    }
}

/// The items of a file or a body, each without its attributes; what only tests see is left out.
fn items(parts: &[Part]) -> Vec<Vec<Part>> {
    let (mut found, mut item, mut for_tests) = (Vec::new(), Vec::new(), false);
    let mut rest = parts.iter().peekable();
    while let Some(part) = rest.next() {
        if part.is_sign('#') {
            let _inner = rest.next_if(|next| next.is_sign('!'));
            let attribute = rest.next().and_then(|part| part.within('[')).expect("an attribute follows");
            for_tests |= attribute == [Part::Word("cfg".into()), Part::Group('(', vec![Part::Word("test".into())])];
            continue;
        }
        item.push(part.clone());
        // A constant and a list of imports go on after a brace.
        let goes_on = |item: &Vec<Part>| {
            let (_, after) = visibility(item);
            let constant = after.first().is_some_and(|first| first.is("const"));
            let function = after.get(1).is_some_and(|second| second.is("fn"));
            after.first().is_some_and(|first| first.is("use") || first.is("static")) || (constant && !function)
        };
        if part.is_sign(';') || (part.within('{').is_some() && !goes_on(&item)) {
            if !std::mem::take(&mut for_tests) {
                found.push(std::mem::take(&mut item));
            }
            item.clear();
        }
    }
    found
}

/// The public fields of a struct's body, or all of a variant's.
fn fields(body: &[Part], all: bool) -> usize {
    entries(body).iter().filter(|field| all || visibility(field).0).count()
}

/// Public items by what they are.
type Count = BTreeMap<&'static str, usize>;

fn count_items(parts: &[Part], found: &mut Count) {
    for item in items(parts) {
        let (public, rest) = visibility(&item);
        let body = item.last().and_then(|last| last.within('{')).unwrap_or_default();
        let mut add = |what, many| *found.entry(what).or_default() += many;
        let word = rest.iter().find(|part| {
            ["struct", "enum", "trait", "impl", "fn", "const", "static", "type", "mod", "use"]
                .iter()
                .any(|word| part.is(word))
        });
        let Some(Part::Word(word)) = word else { continue };
        match word.as_str() {
            "impl" => {
                let of_a_trait = rest.windows(2).any(|two| two[0].is("for") && !two[1].is_sign('<'));
                if !of_a_trait {
                    count_items(body, found);
                }
            }
            "mod" => count_items(body, found),
            _ if !public => {}
            "struct" => {
                let tuple = rest.iter().find_map(|part| part.within('(')).filter(|_| body.is_empty());
                add("types", 1);
                add("fields", fields(tuple.unwrap_or(body), false));
            }
            "enum" => {
                add("types", 1);
                for variant in entries(body) {
                    add("variants", 1);
                    add(
                        "fields of variants",
                        variant.last().map_or(0, |last| match last {
                            Part::Group('{' | '(', of) => fields(of, true),
                            _ => 0,
                        }),
                    );
                }
            }
            "trait" => {
                add("types", 1);
                add("functions", items(body).len());
            }
            // A `const fn` is a function.
            "fn" => add("functions", 1),
            "const" if rest.iter().any(|part| part.is("fn")) => add("functions", 1),
            "const" | "static" => add("constants", 1),
            "type" => add("types", 1),
            _ => {}
        }
    }
}

/// The public items of one file. Three macros make some: the list of an enum's values, of its kinds with the one of a
/// value, and the code of an error.
fn public_items(file: &str, text: &str) -> Count {
    let mut found = Count::new();
    if file != "src/kinds.rs" {
        count_items(&parts(text), &mut found);
        let calls = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
        *found.entry("constants").or_default() += calls("all!(") + calls("kinds!(");
        *found.entry("functions").or_default() += calls("kinds!(") + calls("codes!(");
    }
    found
}

/// The public fields of the structs in these files, with the words of their types.
fn policies(files: &[(String, String)]) -> BTreeMap<String, Vec<Vec<String>>> {
    let mut found = BTreeMap::new();
    for item in files.iter().flat_map(|(_, text)| items(&parts(text))) {
        if let (true, [kind, Part::Word(name), .., Part::Group('{', body)]) = visibility(&item) {
            if kind.is("struct") {
                let public = entries(body).into_iter().filter(|field| visibility(field).0);
                let words = public.map(|field| {
                    let words = field.into_iter().filter_map(|part| match part {
                        Part::Word(word) => Some(word),
                        _ => None,
                    });
                    words.collect()
                });
                found.insert(name.clone(), words.collect());
            }
        }
    }
    found
}

/// The leaves of one policy.
fn leaves(policies: &BTreeMap<String, Vec<Vec<String>>>, of: &str) -> usize {
    let fields = policies.get(of).into_iter().flatten();
    fields
        .map(|words| words.iter().find(|word| policies.contains_key(*word)).map_or(1, |inner| leaves(policies, inner)))
        .sum()
}

#[test]
fn the_house_keeps_to_its_budget() {
    let source = files("src");
    let lines_of = |wanted: &dyn Fn(&str) -> bool| -> usize {
        source.iter().filter(|(file, _)| wanted(file)).map(|(_, text)| code(text)).sum()
    };
    let apart = |file: &str| file.starts_with("src/services/") || file.starts_with("src/host/");
    let lines = lines_of(&|file| !apart(file));
    let kit = lines_of(&|file| file.starts_with("src/host/"));
    let config: Vec<_> = source.iter().filter(|(file, _)| file.starts_with("src/config/")).cloned().collect();
    let policies = policies(&config);
    let settings = leaves(&policies, "Config") + leaves(&policies, "PeerPolicy");
    let mut items = Count::new();
    let mut by_room: BTreeMap<String, usize> = BTreeMap::new();
    for (file, text) in &source {
        for (what, many) in public_items(file, text) {
            *items.entry(what).or_default() += many;
            let room = file.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
            *by_room.entry(room.to_owned()).or_default() += many;
        }
    }
    let public: usize = items.values().sum();
    println!("{lines} of 15650 lines of code of the core, without services and host kit");
    println!("{kit} of 800 lines of code of the host kit");
    println!("{settings} of 85 settings");
    println!("{} of 24 kinds of action", Action::KINDS.len());
    println!("{public} of 550 public items: {items:?}, by room {by_room:?}");
    assert!(lines > 5_000 && settings > 50 && public > 300, "hardly anything was found");
    assert!(lines <= 15_650, "{lines} lines of code");
    assert!((1..=800).contains(&kit), "{kit} lines of code of the host kit");
    assert!(settings <= 85, "{settings} settings");
    assert!(Action::KINDS.len() <= 24, "{} kinds of action", Action::KINDS.len());
}

#[test]
fn public_items_are_counted_by_what_they_are() {
    let text = r#"
        //! pub fn in_a_comment() {}
        pub struct Shown<'a, T: Fn(u8) -> u8> { pub one: BTreeMap<u8, &'a T>, #[serde(default)] pub(crate) two: u8, three: char }
        pub struct Pair(pub u8, u8);
        pub(crate) struct Hidden { field: u8 }
        pub enum Either { #[default] This, That { a: u8, b: u8 }, Both(BTreeMap<u8, u8>, u8) }
        impl<T> Shown<'_, T> { pub const fn new() -> Self { loop {} } pub fn get(&self) -> [u8; 2] { [b'"', 2] } fn own() {} }
        impl fmt::Debug for Pair { fn fmt(&self) {} }
        pub trait Say { fn say(&self); fn twice(&self) { self.say(); } }
        pub const LIST: [u8; 2] = { [1, 2] };
        const OWN: &str = "pub fn in_a_text() {";
        pub use other::{Thing, Thing as Other};
        #[cfg(test)]
        mod tests { pub fn helper() {} }
        pub(crate) const fn last() {}
    "#;
    let expected =
        [("constants", 1), ("fields", 2), ("fields of variants", 4), ("functions", 4), ("types", 4), ("variants", 3)];
    let mut found = Count::new();
    count_items(&parts(text), &mut found);
    assert_eq!(found, Count::from(expected));
}
