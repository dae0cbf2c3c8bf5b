//! What kind of program a file of the workstation is, from its first bytes.
//!
//! Offsets and values are those of the ELF specification (System V ABI, gABI 4.1), of Apple's
//! `mach-o/loader.h`, and of Microsoft's PE format.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;

/// How much of a file is looked at: headers, and the program headers behind them.
const HEAD: u64 = 64 * 1024;

/// What a file's header says about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Binary {
    pub format: Format,
    /// `x86_64`, `aarch64`, …; empty where the format names none.
    pub machine: String,
    /// 32 or 64; 0 where the format names none.
    pub bits: u8,
    /// Whether the operating system can start it as a program.
    pub executable: bool,
    /// The dynamic loader it asks for; `None` for a static program.
    pub interpreter: Option<String>,
    /// All of this in words.
    pub description: String,
}

/// Formats that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    Elf,
    MachO,
    Pe,
    Script,
    Empty,
    Unknown,
}

/// Looks at the file's header.
pub fn inspect(path: &Path) -> io::Result<Binary> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(examine(&head))
}

/// As [`inspect`], for a file's first bytes.
pub fn examine(head: &[u8]) -> Binary {
    match head {
        [] => plain(Format::Empty, "an empty file"),
        [0x7f, b'E', b'L', b'F', ..] => elf(head),
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xce, 0xfa, 0xed, 0xfe, ..] => mach_o(head),
        [0xca, 0xfe, 0xba, 0xbe, ..] => plain(
            Format::MachO,
            "a macOS executable (Mach-O for several processors)",
        ),
        [b'M', b'Z', ..] => plain(Format::Pe, "a Windows executable (PE)"),
        [b'#', b'!', ..] => plain(Format::Script, "a script"),
        _ => plain(Format::Unknown, "no executable of a known format"),
    }
}

fn plain(format: Format, description: &str) -> Binary {
    Binary {
        format,
        machine: String::new(),
        bits: 0,
        executable: matches!(format, Format::Script),
        interpreter: None,
        description: description.to_owned(),
    }
}

fn mach_o(head: &[u8]) -> Binary {
    let reader = Reader { head, big: false };
    let machine = match reader.number(4, 4) {
        Some(0x0100_0007) => "x86_64",
        Some(0x0100_000c) => "arm64",
        Some(7) => "x86",
        _ => "an unknown processor",
    };
    Binary {
        machine: machine.to_owned(),
        executable: reader.number(12, 4) == Some(2),
        ..plain(
            Format::MachO,
            &format!("a macOS executable (Mach-O {machine})"),
        )
    }
}

fn elf(head: &[u8]) -> Binary {
    let wide = head.get(4) == Some(&2);
    let reader = Reader {
        head,
        big: head.get(5) == Some(&2),
    };
    let machine = machine(reader.number(18, 2));
    let kind = reader.number(16, 2);
    let segments = reader.segments(wide);
    let interpreter = segments
        .iter()
        .find(|segment| segment.kind == PT_INTERP)
        .and_then(|segment| reader.text(segment.offset, segment.size));
    // A static position-independent program has no interpreter, but a library has no entry point.
    let entry = reader.number(24, if wide { 8 } else { 4 }).unwrap_or(0);
    let executable = match kind {
        Some(ET_EXEC) => true,
        Some(ET_DYN) => interpreter.is_some() || entry != 0,
        _ => false,
    };
    let what = match kind {
        _ if executable => "a Linux executable",
        Some(ET_REL) => "an object file",
        Some(ET_DYN) => "a shared library",
        Some(ET_CORE) => "a core dump",
        _ => "an ELF file of an unknown type",
    };
    let bits = if wide { 64 } else { 32 };
    let linkage = match (&interpreter, executable) {
        (Some(loader), _) => format!(", needs {loader}"),
        (None, true) => ", static".to_owned(),
        (None, false) => String::new(),
    };
    Binary {
        format: Format::Elf,
        bits,
        executable,
        description: format!("{what} (ELF {bits}-bit {machine}{linkage})"),
        machine,
        interpreter,
    }
}

const ET_REL: u64 = 1;
const ET_EXEC: u64 = 2;
const ET_DYN: u64 = 3;
const ET_CORE: u64 = 4;
const PT_INTERP: u64 = 3;

fn machine(number: Option<u64>) -> String {
    match number {
        Some(3) => "x86".to_owned(),
        Some(40) => "arm".to_owned(),
        Some(62) => "x86_64".to_owned(),
        Some(183) => "aarch64".to_owned(),
        Some(243) => "riscv64".to_owned(),
        Some(other) => format!("machine {other}"),
        None => "cut off".to_owned(),
    }
}

/// A program header, as far as it matters here.
struct Segment {
    kind: u64,
    offset: usize,
    size: usize,
}

/// Reads numbers of a header that may be cut off anywhere.
struct Reader<'a> {
    head: &'a [u8],
    big: bool,
}

impl Reader<'_> {
    fn number(&self, offset: usize, size: usize) -> Option<u64> {
        let bytes = self.head.get(offset..offset.checked_add(size)?)?;
        let fold = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        Some(match self.big {
            true => bytes.iter().fold(0, fold),
            false => bytes.iter().rev().fold(0, fold),
        })
    }

    fn segments(&self, wide: bool) -> Vec<Segment> {
        // Offsets of e_phoff, e_phentsize, e_phnum; of p_offset, p_filesz; and their size.
        let (table, size, count, offset, length, word) = if wide {
            (32, 54, 56, 8, 32, 8)
        } else {
            (28, 42, 44, 4, 16, 4)
        };
        let read = |at: usize, size: usize| usize::try_from(self.number(at, size)?).ok();
        let (Some(table), Some(size), Some(count)) =
            (read(table, word), read(size, 2), read(count, 2))
        else {
            return Vec::new();
        };
        (0..count)
            .map_while(|index| {
                let start = table.checked_add(index.checked_mul(size)?)?;
                Some(Segment {
                    kind: self.number(start, 4)?,
                    offset: read(start.checked_add(offset)?, word)?,
                    size: read(start.checked_add(length)?, word)?,
                })
            })
            .collect()
    }

    /// A text that may end with NUL.
    fn text(&self, offset: usize, size: usize) -> Option<String> {
        let bytes = self.head.get(offset..offset.checked_add(size)?)?;
        let text = String::from_utf8_lossy(bytes);
        Some(text.trim_end_matches('\0').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_is_a_linux_executable() {
        let binary = inspect(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(binary.format, Format::Elf);
        assert_eq!(binary.machine, std::env::consts::ARCH);
        assert!(binary.executable, "{}", binary.description);
    }

    #[test]
    fn a_macos_executable_is_named() {
        let head = [
            0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0,
        ];
        assert_eq!(
            examine(&head).description,
            "a macOS executable (Mach-O arm64)"
        );
    }

    #[test]
    fn an_object_file_is_no_program() {
        let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        head.resize(64, 0);
        head[16] = 1;
        head[18] = 62;
        let binary = examine(&head);
        assert!(!binary.executable);
        assert_eq!(binary.description, "an object file (ELF 64-bit x86_64)");
    }

    #[test]
    fn other_files_are_told_apart() {
        assert_eq!(examine(b"").format, Format::Empty);
        assert_eq!(examine(b"#!/bin/sh\n").format, Format::Script);
        assert_eq!(examine(b"MZ\x90").format, Format::Pe);
        assert_eq!(examine(b"hello").format, Format::Unknown);
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let mut head = vec![0x7f, b'E', b'L', b'F'];
            head.extend(tail);
            examine(&head);
        }
    }
}
