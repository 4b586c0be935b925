//! AWS Signature Version 4: who signed this?
//!
//! Receives the parts of an HTTP request as they came over the wire; hands on [`Verified`], which holds the
//! [`Operator`] and what the body must still prove. The signing side uses the same canonical form. No HTTP library, no
//! clock, no list of users: those are arguments.
mod canonical; // one canonical request for both sides
mod claim; // what a request says about its signature, before anything is believed
mod date; // X-Amz-Date
mod error; // what can be wrong, with what a service needs to answer
mod form; // a form's signature, which is that of its policy
mod key; // key derivation and digests
mod operator; // the proof that a caller was verified
mod signer; // who can have signed, and with what
mod request; // the parts of a request that are signed
mod scope; // the credential scope: for which day, region and service a signature is good
mod sign; // the signing side
mod verify; // a claim and a secret, compared
mod streaming; // aws-chunked bodies, their signatures and trailers

pub use claim::Claim;
pub use date::AmzDate;
pub use error::{Mismatch, SigV4Error};
pub use form::{SignedForm, verify_form, verify_form_as};
pub use key::sha256_hex;
pub use operator::Operator;
pub use request::RequestParts;
pub use scope::Scope;
pub use sign::{Credentials, PayloadToSign, presign, sign};
pub use signer::{NoSigner, RoleSession, Signer};
pub use streaming::{CHUNK_BYTES_MIN, ChunkDecoder, ChunkError, LINE_BYTES_MAX, Streaming, TRAILERS_MAX};
pub use verify::{PRESIGNED_SECONDS_MAX, Payload, Rules, SKEW_SECONDS_MAX, Verified, session_token, verify, verify_as};
