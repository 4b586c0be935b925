//! Where a server is: `host`, `host:port` or `[v6]:port`.

/// Port of MQTT over TLS.
const PORT: u16 = 8883;

/// Host and port.
pub(super) fn split(endpoint: &str) -> Option<(&str, u16)> {
    if let Some(rest) = endpoint.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let port = if after.is_empty() { PORT } else { after.strip_prefix(':')?.parse().ok()? };
        return Some((host, port));
    }
    match endpoint.split_once(':') {
        Some((host, port)) if !host.is_empty() => Some((host, port.parse().ok()?)),
        Some(_) => None,
        None => (!endpoint.is_empty()).then_some((endpoint, PORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // endpoint        host and port
    const ENDPOINTS: &[(&str, Option<(&str, u16)>)] = &[
        ("localhost:1883",              Some(("localhost", 1883))),
        ("data-ats.iot.example",        Some(("data-ats.iot.example", 8883))),
        ("127.0.0.1:0",                 Some(("127.0.0.1", 0))),
        ("[::1]:8883",                  Some(("::1", 8883))),
        ("[::1]",                       Some(("::1", 8883))),
        ("",                            None),
        (":8883",                       None),
        ("host:mqtt",                   None),
        ("[::1",                        None),
    ];

    #[test]
    fn an_endpoint_is_a_host_and_perhaps_a_port() {
        for (endpoint, expected) in ENDPOINTS {
            assert_eq!(split(endpoint), *expected, "{endpoint}");
        }
    }
}
