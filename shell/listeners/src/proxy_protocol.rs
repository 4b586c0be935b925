//! The PROXY protocol, versions 1 and 2: a load balancer says whom it speaks for (haproxy.org: "The PROXY protocol").
//!
//! It is bytes before the first of TLS, so not one byte more than its header may be read: [`step`] says how many are needed.
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with (§2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of version 2 before its addresses.
const FIXED: usize = 16;
/// Bytes of a line of version 1, with its end (§2.1).
const LINE_BYTES_MAX: usize = 107;
/// Bytes of addresses and extensions of version 2; load balancers send less than a tenth. And then: the connection is closed.
const REST_BYTES_MAX: usize = 4 * 1024;

/// Why a header is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Whoever connects is no proxy, or does not speak it.
    #[error("no header of the PROXY protocol")]
    Missing,
    /// It is not as its specification says.
    #[error("a malformed header of the PROXY protocol: {0}")]
    Malformed(&'static str),
    /// It is longer than anybody needs.
    #[error("a header of the PROXY protocol of {0} bytes")]
    TooLong(usize),
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read until there are so many bytes in all.
    Need(usize),
    /// It is complete: whom the proxy speaks for, if for anybody but itself.
    Done(Option<SocketAddr>),
}

/// Looks at what has been read so far.
///
/// # Errors
/// [`ProxyError`], as soon as it is certain.
pub fn step(read: &[u8]) -> Result<Step, ProxyError> {
    if read.len() < SIGNATURE.len() {
        return Ok(Step::Need(SIGNATURE.len())); // the shortest line of version 1 has more
    }
    if read.starts_with(SIGNATURE) {
        return version_2(read);
    }
    if read.starts_with(b"PROXY ") {
        return version_1(read);
    }
    Err(ProxyError::Missing)
}

fn version_2(read: &[u8]) -> Result<Step, ProxyError> {
    let Some((fixed, rest)) = read.split_at_checked(FIXED) else { return Ok(Step::Need(FIXED)) };
    let [version_and_command, family, high, low] = [fixed[12], fixed[13], fixed[14], fixed[15]];
    if version_and_command >> 4 != 2 {
        return Err(ProxyError::Malformed("its version is not 2"));
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > REST_BYTES_MAX {
        return Err(ProxyError::TooLong(FIXED + length));
    }
    if rest.len() < length {
        return Ok(Step::Need(FIXED + length));
    }
    let rest = &rest[..length];
    match (version_and_command & 0x0f, family) {
        (0x0, _) => Ok(Step::Done(None)), // LOCAL: the proxy itself, such as to see whether we are there
        (0x1, 0x11) => addresses::<4>(rest).map(|(ip, port)| done(Ipv4Addr::from(ip), port)),
        (0x1, 0x21) => addresses::<16>(rest).map(|(ip, port)| done(Ipv6Addr::from(ip), port)),
        (0x1, 0x00) => Ok(Step::Done(None)), // UNSPEC: the sender does not know
        (0x1, _) => Err(ProxyError::Malformed("its addresses are not of TCP over IPv4 or IPv6")),
        _ => Err(ProxyError::Malformed("its command is neither LOCAL nor PROXY")),
    }
}

/// Source and destination address, source and destination port; what follows is extensions.
fn addresses<const N: usize>(rest: &[u8]) -> Result<([u8; N], u16), ProxyError> {
    let short = || ProxyError::Malformed("its addresses are cut short");
    let (source, rest) = rest.split_first_chunk::<N>().ok_or_else(short)?;
    let (_, rest) = rest.split_first_chunk::<N>().ok_or_else(short)?;
    let (port, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
    rest.split_first_chunk::<2>().ok_or_else(short)?;
    Ok((*source, u16::from_be_bytes(*port)))
}

fn done(ip: impl Into<IpAddr>, port: u16) -> Step {
    Step::Done(Some(SocketAddr::new(ip.into(), port)))
}

fn version_1(read: &[u8]) -> Result<Step, ProxyError> {
    let Some(end) = read.windows(2).position(|pair| pair == b"\r\n") else {
        let needed = read.len() + 1;
        return if needed > LINE_BYTES_MAX { Err(ProxyError::TooLong(needed)) } else { Ok(Step::Need(needed)) };
    };
    let malformed = |what| move || ProxyError::Malformed(what);
    let line = std::str::from_utf8(&read[..end]).map_err(|_| malformed("its line is not text")())?;
    let mut words = line.split(' ').skip(1);
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        return Ok(Step::Done(None));
    }
    let ips = malformed("its addresses are none");
    let mut ip = || -> Option<IpAddr> {
        let ip: IpAddr = words.next()?.parse().ok()?;
        (ip.is_ipv4() == (family == "TCP4")).then_some(ip)
    };
    let (source, _) = (ip().ok_or_else(&ips)?, ip().ok_or_else(&ips)?);
    let mut port = || words.next()?.parse::<u16>().ok();
    let ports = malformed("its ports are none");
    let (source_port, _) = (port().ok_or_else(&ports)?, port().ok_or_else(&ports)?);
    match (family, words.next()) {
        ("TCP4" | "TCP6", None) => Ok(done(source, source_port)),
        _ => Err(ProxyError::Malformed("its line is not `PROXY TCP4|TCP6 source destination port port`")),
    }
}

/// Reads a header, and not a byte more; whom the proxy speaks for, if for anybody but itself.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = Vec::new();
    loop {
        match step(&header).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
            Step::Done(source) => return Ok(source),
            Step::Need(bytes) => {
                let had = header.len();
                header.resize(bytes, 0);
                stream.read_exact(&mut header[had..]).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, rest].concat()
    }

    const V4: &[u8] = &[203, 0, 113, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x22, 0xb3];

    /// Feeds it as it asks to be fed; what it says in the end, and how many bytes it took.
    fn fed(bytes: &[u8]) -> (String, usize) {
        let mut had = 0;
        loop {
            match step(&bytes[..had]) {
                Err(error) => return (error.to_string(), had),
                Ok(Step::Done(source)) => return (source.map_or("itself".into(), |source| source.to_string()), had),
                Ok(Step::Need(bytes)) if bytes <= had => panic!("it asks for what it has"),
                Ok(Step::Need(needed)) if needed > bytes.len() => return ("more".into(), had),
                Ok(Step::Need(needed)) => had = needed,
            }
        }
    }

    #[test]
    fn headers_are_read_to_the_byte() {
        let v6 = [&Ipv6Addr::LOCALHOST.octets()[..], &[0; 16], &[0x9c, 0x40, 0, 80]].concat();
        let with_extension = [V4, &[0x04, 0, 2, 1, 1]].concat();
        #[rustfmt::skip] // PROXY protocol                      header                                                          says
        let table: &[(&str, Vec<u8>, &str)] = &[
            ("§2.2 TCP over IPv4",                              v2(0x21, 0x11, V4),                                             "203.0.113.7:40000"),
            ("§2.2 TCP over IPv6",                              v2(0x21, 0x21, &v6),                                            "[::1]:40000"),
            ("§2.2.7 what follows the addresses is extensions", v2(0x21, 0x11, &with_extension),                                "203.0.113.7:40000"),
            ("§2.2 LOCAL",                                      v2(0x20, 0x11, V4),                                             "itself"),
            ("§2.2 UNSPEC",                                     v2(0x21, 0x00, b""),                                            "itself"),
            ("§2.1 TCP4",                                       b"PROXY TCP4 203.0.113.7 10.0.0.1 40000 8883\r\n".to_vec(),     "203.0.113.7:40000"),
            ("§2.1 TCP6",                                       b"PROXY TCP6 ::1 ::2 40000 8883\r\n".to_vec(),                  "[::1]:40000"),
            ("§2.1 UNKNOWN, whatever follows",                  b"PROXY UNKNOWN ffff 1 x\r\n".to_vec(),                         "itself"),
            ("§2.1 UNKNOWN, the shortest",                      b"PROXY UNKNOWN\r\n".to_vec(),                                  "itself"),
        ];
        for (citation, header, says) in table {
            let followed = [header, b"\x16\x03\x01\r\n".as_slice()].concat();
            assert_eq!(fed(&followed), ((*says).to_owned(), header.len()), "{citation}");
            (0..header.len()).for_each(|cut| assert_eq!(fed(&header[..cut]).0, "more", "{citation}, cut at {cut}"));
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let long_line = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100]].concat();
        #[rustfmt::skip] // PROXY protocol                  header                                                          refused as
        let table: &[(&str, Vec<u8>, &str)] = &[
            ("TLS at once",                                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00".to_vec(),   "no header of the PROXY protocol"),
            ("§2.2 version 3",                              v2(0x31, 0x11, V4),                                             "a malformed header of the PROXY protocol: its version is not 2"),
            ("§2.2 command 2",                              v2(0x22, 0x11, V4),                                             "a malformed header of the PROXY protocol: its command is neither LOCAL nor PROXY"),
            ("§2.2 UDP",                                    v2(0x21, 0x12, V4),                                             "a malformed header of the PROXY protocol: its addresses are not of TCP over IPv4 or IPv6"),
            ("§2.2 short addresses",                        v2(0x21, 0x11, &V4[..11]),                                      "a malformed header of the PROXY protocol: its addresses are cut short"),
            ("§2.2 IPv4's under IPv6",                      v2(0x21, 0x21, V4),                                             "a malformed header of the PROXY protocol: its addresses are cut short"),
            ("a bound",                                     v2(0x21, 0x11, &[0; REST_BYTES_MAX + 1]),                       "a header of the PROXY protocol of 4113 bytes"),
            ("§2.1 107 bytes",                              long_line,                                                      "a header of the PROXY protocol of 108 bytes"),
            ("§2.1 another family",                         b"PROXY UDP4 ::1 ::2 1 2\r\n".to_vec(),                         "a malformed header of the PROXY protocol: its line is not `PROXY TCP4|TCP6 source destination port port`"),
            ("§2.1 an address of the other family",         b"PROXY TCP4 ::1 ::2 1 2\r\n".to_vec(),                         "a malformed header of the PROXY protocol: its addresses are none"),
            ("§2.1 no port",                                b"PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n".to_vec(),             "a malformed header of the PROXY protocol: its ports are none"),
            ("§2.1 a word too many",                        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n".to_vec(),               "a malformed header of the PROXY protocol: its line is not `PROXY TCP4|TCP6 source destination port port`"),
        ];
        for (citation, header, refused) in table {
            assert_eq!(fed(header).0, *refused, "{citation}");
        }
    }

    #[test]
    fn whatever_comes_is_a_header_or_none() {
        bolero::check!().for_each(|bytes: &[u8]| {
            for prefix in [b"".as_slice(), SIGNATURE, b"PROXY ", b"PROXY TCP4 "] {
                let (_, read) = fed(&[prefix, bytes].concat());
                assert!(read <= FIXED + REST_BYTES_MAX);
            }
        });
    }
}
