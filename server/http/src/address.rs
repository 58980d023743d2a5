//! Where a request comes from: the peer, or what a trusted proxy says it forwarded for.
use std::net::IpAddr;
use std::str::FromStr;

/// An address or a network in CIDR form (`10.0.0.0/8`, `::1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// This machine.
    pub fn loopback() -> Vec<Self> {
        let v4 = Self { address: IpAddr::from([127, 0, 0, 0]), prefix: 8 };
        let v6 = Self { address: IpAddr::from(std::net::Ipv6Addr::LOCALHOST), prefix: 128 };
        vec![v4, v6]
    }

    /// Whether it holds `ip`; an IPv4 address mapped into IPv6 counts as what it is.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(a) => (u128::from(a.to_bits()) << 96, 4),
            IpAddr::V6(a) => (a.to_bits(), 6),
        };
        let ((own, family), (other, other_family)) = (bits(self.address), bits(ip.to_canonical()));
        let shift = 128u32.saturating_sub(u32::from(self.prefix));
        family == other_family && own.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("“{text}” is neither an address nor a network such as 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

/// Whether any of `networks` holds `ip`.
pub fn any_contains(networks: &[Network], ip: IpAddr) -> bool {
    networks.iter().any(|n| n.contains(ip))
}

/// The client's address. `forwarded` are the values of `X-Forwarded-For` in the order in which they came. Each proxy
/// appends what it saw, so the list is read from its right end, and the first hop that is not a trusted proxy is the
/// client: everything left of it is its own claim. What cannot be read ends the walk.
pub fn client_address<'h>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'h str>,
    trusted: &[Network],
) -> IpAddr {
    let mut client = peer.to_canonical();
    if !any_contains(trusted, client) {
        return client;
    }
    for hop in forwarded.rev().flat_map(|value| value.rsplit(',')) {
        let Some(ip) = hop_address(hop.trim()) else { break };
        client = ip.to_canonical();
        if !any_contains(trusted, client) {
            break;
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn hop_address(hop: &str) -> Option<IpAddr> {
    hop.parse().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|s| s.ip())).or_else(|| {
        hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|inner| inner.parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(list: &[&str]) -> Vec<Network> {
        list.iter().map(|n| n.parse().unwrap()).collect()
    }
    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        client_address(peer.parse().unwrap(), forwarded.iter().copied(), &nets(trusted)).to_string()
    }

    #[test]
    fn forwarded_addresses_only_from_trusted_proxies() {
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(seen("10.1.2.3", &["198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(seen("10.1.2.3", &[], &["10.0.0.0/8"]), "10.1.2.3");
        assert_eq!(seen("::ffff:10.1.2.3", &["198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
    }

    #[test]
    fn what_the_client_claims_itself_is_not_believed() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.0.0.2"], &trusted), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, junk"], &trusted), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &trusted), "10.0.0.3");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:99"], &trusted), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1:4711"], &trusted), "198.51.100.1");
    }

    #[test]
    fn networks_as_people_write_them() {
        let net: Network = "192.168.4.0/22".parse().unwrap();
        assert!(net.contains("192.168.7.255".parse().unwrap()));
        assert!(!net.contains("192.168.8.0".parse().unwrap()));
        assert!("::/0".parse::<Network>().unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(!"::/0".parse::<Network>().unwrap().contains("192.0.2.1".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("192.0.2.1".parse().unwrap()));
        for bad in ["", "10.0.0.0/33", "x", "10.0.0.0/", "10.0.0/8", "::1/129"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
