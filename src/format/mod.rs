//! Lays scripts out: indentation, blanks, empty lines, trailing commas, line ends.
//!
//! It works on the pieces of the text, not on the tree, so that comments stay and lines end where
//! their author ended them. What is formatted once is not changed by formatting it again.

mod commas;
mod lines;
mod spacing;
mod tokens;

pub use tokens::significant;

/// The text of a script, laid out. It must be a script: of anything else, what comes out is of no use.
pub fn format(text: &str) -> String {
    let mut tokens = tokens::tokens(text);
    commas::trail(&mut tokens);
    lines::render(&tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn becomes(from: &str, to: &str) {
        let once = format(from);
        assert_eq!(once, to);
        assert_eq!(format(&once), once);
        assert_eq!(significant(from), significant(&once));
    }

    #[test]
    fn blanks_are_where_they_belong() {
        becomes(
            "let  x=f( a,b )+- 1 ;\nif !x&&( y||z ){ g ( #{a :1} )[ 0 ] . h( ) }",
            "let x = f(a, b) + -1;\nif !x && (y || z) { g(#{ a: 1 })[0].h() }\n",
        );
        becomes(
            "let f=|a,b|a|b; let g=||( );\nfor(a,b)in 0 .. 5{}",
            "let f = |a, b| a | b; let g = || ();\nfor (a, b) in 0..5 {}\n",
        );
        becomes(
            "import\"std/a\"as a;return;",
            "import \"std/a\" as a; return;\n",
        );
        becomes(
            "try{f();}catch(e){throw e;}",
            "try { f(); } catch (e) { throw e; }\n",
        );
        becomes(
            "switch x{1|2=>3,_=>{}}",
            "switch x { 1 | 2 => 3, _ => {} }\n",
        );
    }

    #[test]
    fn lines_are_as_deep_as_the_brackets_around_them() {
        becomes(
            "fn f(){\ntask::parallel(c.hosts,|host|{\n  host.run([\n\"a\",\n\"b\"]);\n});\n   }",
            "fn f() {\n    task::parallel(c.hosts, |host| {\n        host.run([\n            \"a\",\n            \"b\"]);\n    });\n}\n",
        );
        becomes(
            "a(|| {\nb();\n}, || c());\nlet x = y\n+ 1;",
            "a(|| {\n    b();\n}, || c());\nlet x = y\n    + 1;\n",
        );
    }

    #[test]
    fn an_else_stands_below_its_if_or_hangs() {
        becomes(
            "if a { b }\nelse if c { d }\nelse { e }",
            "if a { b }\nelse if c { d }\nelse { e }\n",
        );
        becomes(
            "f(#{\na: if b { c }\nelse if d { e }\nelse { f }\n})",
            "f(#{\n    a: if b { c }\n        else if d { e }\n        else { f },\n})\n",
        );
    }

    #[test]
    fn lists_over_lines_end_with_a_comma() {
        becomes("f(#{\na: 1 // one\n});", "f(#{\n    a: 1, // one\n});\n");
        becomes("f(\na,\nb\n);", "f(\n    a,\n    b,\n);\n");
        becomes("x(\na\n+ b\n);", "x(\n    a\n    + b\n);\n");
        becomes("(\na + b\n)", "(\n    a + b\n)\n");
        becomes("fn f(\na,\nb\n) {}", "fn f(\n    a,\n    b\n) {}\n");
    }

    #[test]
    fn comments_and_strings_stay_as_they_are() {
        becomes(
            "#!/usr/bin/env e2bscript\n//! doc  \n\n\n\nlet a = `x  ${ b }\n   y`;   // why\n/* all\n   of it */\n",
            "#!/usr/bin/env e2bscript\n//! doc\n\nlet a = `x  ${ b }\n   y`; // why\n/* all\n   of it */\n",
        );
        becomes("throw `a ``${b}`` c`;", "throw `a ``${b}`` c`;\n");
    }

    #[test]
    fn empty_lines_are_single_and_within() {
        becomes(
            "\n\nfn f() {\n\n  a();\n\n\n  b();\n\n}\r\n\r\n",
            "fn f() {\n    a();\n\n    b();\n}\n",
        );
    }

    #[test]
    fn what_is_there_already_is_only_improved() {
        becomes("", "");
        becomes(
            "host.run(`tar x -C ${dir}`); // check: allow(string-command)\n",
            "host.run(`tar x -C ${dir}`); // check: allow(string-command)\n",
        );
    }
}
