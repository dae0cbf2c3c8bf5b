//! Which algorithms are offered, cheapest first among the safe ones.

use std::borrow::Cow;
use std::time::Duration;

use russh::keys::Algorithm;
use russh::{Limits, Preferred, cipher, client, compression, kex, mac};

use super::Class;
use super::options::Options;

/// AES-GCM is several times as fast as the others wherever the processor helps with AES.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_128_CTR,
    cipher::AES_256_CTR,
];

const MACS: &[mac::Name] = &[
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
];

/// What resists quantum computers first. Then P-256 before Curve25519: OpenSSH computes the former by its crypto library's
/// assembler and the latter in portable C, which costs a server 2 ms more for each connection.
const KEXES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::ECDH_SHA2_NISTP256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// Without strict key exchange, a middleman can cut packets off the start of a ChaCha20-Poly1305
/// or encrypt-then-MAC connection (CVE-2023-48795), so such a combination is not kept.
pub(super) fn is_weak(names: &russh::Names) -> bool {
    let etm = [mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM];
    let gcm = [cipher::AES_128_GCM, cipher::AES_256_GCM];
    !names.strict_kex()
        && !gcm.contains(&names.cipher)
        && (names.cipher == cipher::CHACHA20_POLY1305
            || etm.contains(&names.client_mac)
            || etm.contains(&names.server_mac))
}

/// russh's settings for one connection.
pub(super) fn config(
    options: &Options,
    class: Class,
    host_keys: Vec<Algorithm>,
    host_certificates: Vec<Algorithm>,
    without_weak: bool,
    alive: (Duration, u32),
) -> client::Config {
    let strong = |name: &cipher::Name| !without_weak || *name != cipher::CHACHA20_POLY1305;
    let plain = |name: &mac::Name| {
        !without_weak || (*name != mac::HMAC_SHA256_ETM && *name != mac::HMAC_SHA512_ETM)
    };
    let preferred = Preferred {
        kex: Cow::Borrowed(KEXES),
        key: Cow::Owned(host_keys),
        host_key_certificates: Cow::Owned(host_certificates),
        cipher: Cow::Owned(CIPHERS.iter().copied().filter(strong).collect()),
        mac: Cow::Owned(MACS.iter().copied().filter(plain).collect()),
        compression: Cow::Borrowed(&[compression::NONE]),
    };
    let rekey = options.rekey_after.min(1 << 30);
    let (interval, max) = alive;
    client::Config {
        preferred,
        limits: Limits::new(rekey, rekey, Duration::from_secs(3600)),
        window_size: class.window(),
        maximum_packet_size: 32 * 1024,
        channel_buffer_size: class.queue(),
        keepalive_interval: (!interval.is_zero()).then_some(interval),
        // russh gives up when this many more went unanswered.
        keepalive_max: max as usize,
        inactivity_timeout: None,
        nodelay: true,
        ..client::Config::default()
    }
}
