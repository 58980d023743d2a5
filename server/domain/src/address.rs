//! Addresses to which Hallpass connects: what a name in a catalogue or a setting must never lead to.
use std::net::IpAddr;

/// Metadata service of EC2 over IPv6.
const EC2_METADATA: [u16; 8] = [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254];
/// Metadata service of Alibaba Cloud.
const ALIBABA_METADATA: [u8; 4] = [100, 100, 100, 200];

/// Link-local, unspecified, multicast and metadata addresses: never connected to (design, chapter 6).
pub fn is_forbidden(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(a) => {
            a.is_link_local()
                || a.is_unspecified()
                || a.is_multicast()
                || a.is_broadcast()
                || a.octets() == ALIBABA_METADATA
        }
        IpAddr::V6(a) => {
            a.is_unicast_link_local()
                || a.is_unspecified()
                || a.is_multicast()
                || a.segments() == EC2_METADATA
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_link_local_addresses_are_forbidden() {
        for bad in [
            "169.254.169.254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "100.100.100.200",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(is_forbidden(bad.parse().unwrap()), "{bad}");
        }
        for good in ["127.0.0.1", "::1", "10.1.2.3", "192.0.2.1", "2001:db8::1", "fd00::1"] {
            assert!(!is_forbidden(good.parse().unwrap()), "{good}");
        }
    }
}
