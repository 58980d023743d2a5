//! OAuth audiences: nothing is written there, so there is no connector; tokens are built and signed by the broker.
use hallpass_domain::ports::target::Descriptor;
use hallpass_domain::role::CredentialKind;

/// The kind, in words.
pub const DESCRIPTOR: Descriptor = Descriptor {
    target: "oauth",
    credential: CredentialKind::AccessToken,
    label: "access token",
    issues: "A signed access token (RFC 9068) for this audience, with role and scope in it, that never outlives the grant.",
    use_it: "Send it as `Authorization: Bearer`, or let `hallpass run ROLE -- COMMAND` put it into HALLPASS_ACCESS_TOKEN.",
    cuts: "A target that asks Hallpass (introspection) refuses the token from that instant on.",
    cannot_cut: "A target that checks tokens by signature alone may accept one until it expires, at most five minutes and its \
                 own leeway; what was done with it stays.",
};
