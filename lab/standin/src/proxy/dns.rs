//! Asking a name server for a name's addresses. Consul's listens on a port of its own, which no resolver asks.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::UdpSocket;

/// How long the server may take.
const WAIT: Duration = Duration::from_secs(2);
const HEAD: usize = 12;
const ADDRESS: u16 = 1;

/// The addresses of a name; none when it has none, or the server refuses.
///
/// # Errors
///
/// When the server does not answer.
pub async fn look_up(server: &str, name: &str) -> io::Result<Vec<Ipv4Addr>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(server).await?;
    socket.send(&question(name)).await?;
    let mut answer = vec![0; 4096];
    let length = tokio::time::timeout(WAIT, socket.recv(&mut answer)).await??;
    answer.truncate(length);
    Ok(addresses(&answer).unwrap_or_default())
}

fn question(name: &str) -> Vec<u8> {
    // an id, recursion desired, one question
    let mut bytes = vec![0x2b, 0x2b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        bytes.push(u8::try_from(label.len()).unwrap_or_default());
        bytes.extend(label.bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

fn addresses(answer: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let count = |at: usize| Some(u16::from_be_bytes(*answer.get(at..)?.first_chunk()?));
    let (questions, answers) = (count(4)?, count(6)?);
    let mut at = HEAD;
    for _ in 0..questions {
        at = behind_name(answer, at)? + 4;
    }
    let mut found = Vec::new();
    for _ in 0..answers {
        at = behind_name(answer, at)?;
        let (kind, length) = (count(at)?, count(at + 8)?);
        at += 10;
        if kind == ADDRESS && length == 4 {
            found.push(Ipv4Addr::from(*answer.get(at..)?.first_chunk::<4>()?));
        }
        at += usize::from(length);
    }
    Some(found)
}

fn behind_name(answer: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *answer.get(at)? {
            0 => return Some(at + 1),
            // a pointer to where the name was before
            length if length >= 0xc0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_two_addresses() {
        let mut answer = question("a.service.consul");
        answer[7] = 2;
        for last in [7, 8] {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 0, last]);
        }
        let wanted = [7, 8].map(|last| Ipv4Addr::new(10, 0, 0, last));
        assert_eq!(addresses(&answer).unwrap(), wanted);
        assert_eq!(addresses(&answer[..answer.len() - 1]), None);
        assert!(addresses(&question("a")).unwrap().is_empty());
    }
}
