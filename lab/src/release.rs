//! What the mirror serves: a Firecracker release and a kernel, the same bytes at every build.

use std::io;

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

/// The Firecracker release, as its directory and file names have it.
pub const FIRECRACKER: &str = "v1.10.1";
/// The same with the commit, as the platform names its directory.
pub const FIRECRACKER_FULL: &str = "v1.10.1_1fcdaec";
/// The guest kernel's version.
pub const KERNEL: &str = "6.1.102";

/// Where a program is loaded; any page above the lowest ones does.
const BASE: u64 = 0x40_0000;
/// Bytes of an ELF header and one program header.
const HEADERS: u64 = 64 + 56;
/// The size of the kernel: large enough to be seen on a slow wire, small enough for memory.
const KERNEL_SIZE: usize = 4 << 20;

/// The release archive, `firecracker-v1.10.1-x86_64.tgz`, whose programs print `version`.
pub fn firecracker(version: &str) -> io::Result<Vec<u8>> {
    let gzip = GzBuilder::new().mtime(0).operating_system(255);
    let mut archive = tar::Builder::new(gzip.write(Vec::new(), Compression::default()));
    let folder = format!("release-{FIRECRACKER}-x86_64");
    for (program, title) in [("firecracker", "Firecracker"), ("jailer", "Jailer")] {
        let content = program_that_prints(&format!("{title} {version}\n"));
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_mtime(0);
        header.set_cksum();
        let name = format!("{folder}/{program}-{FIRECRACKER}-x86_64");
        archive.append_data(&mut header, name, content.as_slice())?;
    }
    archive.into_inner()?.finish()
}

/// A file that begins like an uncompressed kernel and goes on with noise made from `seed`.
pub fn kernel(seed: u64) -> Vec<u8> {
    let mut content = elf(&[]);
    let mut state = seed | 1;
    while content.len() < KERNEL_SIZE {
        // xorshift: bytes that do not compress, without a table to carry along
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.truncate(KERNEL_SIZE);
    content
}

/// The hexadecimal SHA-256 of some bytes.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A whole Linux program for x86-64 that prints one text and ends with status 0, whatever its
/// arguments: two system calls, no libraries.
fn program_that_prints(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut code = Vec::new();
    code.extend([0xb8, 1, 0, 0, 0]); // mov eax, 1 (write)
    code.extend([0xbf, 1, 0, 0, 0]); // mov edi, 1 (stdout)
    code.extend([0x48, 0x8d, 0x35, 16, 0, 0, 0]); // lea rsi, [rip+16]: behind the 16 bytes below
    code.push(0xba); // mov edx, length
    code.extend(length);
    code.extend([0x0f, 0x05]); // syscall
    code.extend([0xb8, 60, 0, 0, 0]); // mov eax, 60 (exit)
    code.extend([0x31, 0xff]); // xor edi, edi
    code.extend([0x0f, 0x05]); // syscall
    code.extend(text.as_bytes());
    elf(&code)
}

/// An ELF executable of one readable and executable segment that starts with `code`.
fn elf(code: &[u8]) -> Vec<u8> {
    let size = HEADERS + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend(value.to_le_bytes());
    half(&mut file, 2); // an executable
    half(&mut file, 62); // for x86-64
    word(&mut file, 1);
    long(&mut file, BASE + HEADERS); // begins behind the headers
    long(&mut file, 64); // program headers follow this one
    long(&mut file, 0); // no sections
    word(&mut file, 0);
    for value in [64, 56, 1, 0, 0, 0] {
        half(&mut file, value); // sizes and counts of the headers
    }
    word(&mut file, 1); // the segment is loaded
    word(&mut file, 5); // readable and executable
    for value in [0, BASE, BASE, size, size, 0x1000] {
        long(&mut file, value);
    }
    file.extend(code);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    #[test]
    fn the_archive_is_the_same_every_time_and_its_programs_run() {
        let archive = firecracker(FIRECRACKER).unwrap();
        assert_eq!(archive, firecracker(FIRECRACKER).unwrap());

        let mut unpacked = tar::Archive::new(flate2::read::GzDecoder::new(archive.as_slice()));
        let mut entry = unpacked.entries().unwrap().next().unwrap().unwrap();
        let name = entry.path().unwrap().into_owned();
        assert_eq!(
            name.to_str(),
            Some("release-v1.10.1-x86_64/firecracker-v1.10.1-x86_64")
        );
        let mut program = Vec::new();
        entry.read_to_end(&mut program).unwrap();

        let file = std::env::temp_dir().join(format!("e2blab-firecracker-{}", std::process::id()));
        std::fs::write(&file, program).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new(&file).arg("--version").output();
        std::fs::remove_file(&file).unwrap();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", output.status);
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "Firecracker v1.10.1\n"
        );
    }

    #[test]
    fn the_kernel_is_the_same_every_time_and_begins_as_an_elf_file() {
        let content = kernel(1);
        assert_eq!(content.len(), 4 << 20);
        assert!(content.starts_with(b"\x7fELF"));
        assert_eq!(sha256(&content), sha256(&kernel(1)));
        assert_ne!(sha256(&content), sha256(&kernel(3)));
    }

    #[test]
    fn checksums_are_those_of_sha256sum() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
