//! Who vouches for a certificate: the path from an end entity to a root (RFC 5280 §6).
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use sekisho_types::Timestamp;
use webpki::{EndEntityCert, Error, KeyUsage};

/// Why no path from the end entity to a root was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Device, or operator: a certificate on the path is past its notAfter.
    #[error("a certificate on the path has expired")]
    Expired,
    /// Device, or operator: a certificate on the path is for later.
    #[error("a certificate on the path is not valid yet")]
    NotYetValid,
    /// Operator: none of the roots signed it.
    #[error("no root vouches for the certificate")]
    UnknownIssuer,
    /// Device: the signature is not its issuer's.
    #[error("a signature on the path does not match its issuer's key")]
    Signature,
    /// Operator: extended key usage names uses, and TLS client is not among them.
    #[error("the certificate is not for TLS clients")]
    NotForClients,
    /// Operator: an end entity's certificate stands where a CA's belongs.
    #[error("an issuer on the path is not a CA")]
    IssuerNotCa,
    /// Device: a CA's certificate was presented as a device's.
    #[error("a CA's certificate cannot be used as a device's")]
    CaAsEndEntity,
    /// Operator: the CA says how long a path it starts, or which names it vouches for.
    #[error("a constraint of a CA on the path forbids the certificate")]
    Constraint,
    /// Device: a certificate, or what it says, cannot be read or is too weak.
    #[error("a certificate on the path cannot be used: {0}")]
    Unusable(String),
}

/// Checks that a TLS client's certificate leads to one of `roots` at `now`. Everything is DER; nothing is fetched.
///
/// A root is trusted for its name and key; its own validity, signature and path length are not looked at (RFC 5280 §6.1.1 (d)),
/// for whoever registered it decided. Revocation of end entities is the registry's business.
///
/// # Errors
/// The reason for which the most promising path failed.
pub fn verify_chain(
    end_entity: &[u8],
    intermediates: &[&[u8]],
    roots: &[&[u8]],
    now: Timestamp,
) -> Result<(), PathError> {
    let end_entity = CertificateDer::from(end_entity);
    let intermediates: Vec<_> = intermediates.iter().map(|der| CertificateDer::from(*der)).collect();
    let roots: Vec<_> = roots.iter().map(|der| CertificateDer::from(*der)).collect();
    let anchors = roots.iter().map(webpki::anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>();
    let anchors = anchors.map_err(explain)?;
    let since_epoch = Duration::from_secs(u64::try_from(now.seconds()).unwrap_or(0));
    EndEntityCert::try_from(&end_entity)
        .and_then(|certificate| {
            certificate
                .verify_for_usage(
                    webpki::ALL_VERIFICATION_ALGS,
                    &anchors,
                    &intermediates,
                    UnixTime::since_unix_epoch(since_epoch),
                    KeyUsage::client_auth(),
                    None,
                    None,
                )
                .map(drop)
        })
        .map_err(explain)
}

fn explain(error: Error) -> PathError {
    match error {
        Error::CertExpired { .. } => PathError::Expired,
        Error::CertNotValidYet { .. } => PathError::NotYetValid,
        Error::UnknownIssuer => PathError::UnknownIssuer,
        Error::InvalidSignatureForPublicKey => PathError::Signature,
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => PathError::NotForClients,
        Error::EndEntityUsedAsCa => PathError::IssuerNotCa,
        Error::CaUsedAsEndEntity => PathError::CaAsEndEntity,
        Error::PathLenConstraintViolated | Error::NameConstraintViolation => PathError::Constraint,
        other => PathError::Unusable(format!("{other:?}")), // the library's enum, open to additions
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn until(year: i32) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params
    }

    fn ca(name: &str, is_ca: IsCa) -> (CertificateParams, KeyPair, Vec<u8>) {
        let mut params = until(2040);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = is_ca;
        if !matches!(params.is_ca, IsCa::NoCa | IsCa::ExplicitNoCa) {
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        }
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        (params, key, der)
    }

    fn signed(params: CertificateParams, by: &CertificateParams, with: &KeyPair) -> Vec<u8> {
        params.signed_by(&KeyPair::generate().unwrap(), &Issuer::from_params(by, with)).unwrap().der().to_vec()
    }

    fn device(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
        let mut params = until(2040);
        params.distinguished_name.push(DnType::CommonName, "pump-7");
        change(&mut params);
        params
    }

    #[test]
    fn one_certificate_under_one_root() {
        type Change = fn(&mut CertificateParams);
        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        #[rustfmt::skip] // citation                              certificate                                               outcome
        let table: &[(&str, Change, Result<(), PathError>)] = &[
            ("RFC 5280 §6.1",                                     |_| {},                                                  Ok(())),
            ("RFC 5280 §6.1.3 (a)(2), notAfter",                  |p| p.not_after = rcgen::date_time_ymd(2021, 1, 1),      Err(PathError::Expired)),
            ("RFC 5280 §6.1.3 (a)(2), notBefore",                 |p| p.not_before = rcgen::date_time_ymd(2039, 1, 1),     Err(PathError::NotYetValid)),
            ("RFC 5280 §4.2.1.12, absent: any use",               |p| p.extended_key_usages = vec![],                      Ok(())),
            ("RFC 5280 §4.2.1.12",                                |p| p.extended_key_usages = vec![ClientAuth],            Ok(())),
            ("RFC 5280 §4.2.1.12, another use only",              |p| p.extended_key_usages = vec![ServerAuth],            Err(PathError::NotForClients)),
            ("RFC 5280 §4.2.1.9, CA presented as a device",       |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), Err(PathError::CaAsEndEntity)),
        ];
        let (root, key, root_der) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
        for (citation, change, outcome) in table {
            let der = signed(device(change), &root, &key);
            assert_eq!(verify_chain(&der, &[], &[&root_der], NOW), *outcome, "{citation}");
        }
    }

    #[test]
    fn issuers() {
        let (root, root_key, root_der) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
        let (_, other_key, other_der) = ca("other", IsCa::Ca(BasicConstraints::Unconstrained));
        let (same_name, same_name_key, _) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
        let (middle, middle_key, _) = ca("middle", IsCa::Ca(BasicConstraints::Unconstrained));
        let middle_der = signed_key(middle.clone(), &middle_key, &root, &root_key);
        let (no_ca, no_ca_key, _) = ca("no ca", IsCa::ExplicitNoCa);
        let no_ca_der = signed_key(no_ca.clone(), &no_ca_key, &root, &root_key);
        let (short, short_key, _) = ca("short", IsCa::Ca(BasicConstraints::Constrained(0)));
        let short_der = signed_key(short.clone(), &short_key, &root, &root_key);
        let under_short_der = signed_key(middle.clone(), &middle_key, &short, &short_key);

        let through_middle = signed(device(|_| {}), &middle, &middle_key);
        let through_no_ca = signed(device(|_| {}), &no_ca, &no_ca_key);
        let forged = signed(device(|_| {}), &same_name, &same_name_key);
        let direct = signed(device(|_| {}), &root, &root_key);
        let wrong_key = signed(device(|_| {}), &root, &other_key);

        type Row<'a> = (&'static str, &'a [u8], &'a [&'a [u8]], &'a [&'a [u8]], Result<(), PathError>);
        #[rustfmt::skip] // citation                                      end entity       intermediates          roots                     outcome
        let table: &[Row<'_>] = &[
            ("RFC 5280 §6.1, two steps",                                  &through_middle, &[&middle_der],        &[&root_der],             Ok(())),
            ("RFC 5280 §6.1, the intermediate is missing",                &through_middle, &[],                   &[&root_der],             Err(PathError::UnknownIssuer)),
            ("RFC 5280 §6.1, one of several roots",                       &direct,         &[],                   &[&other_der, &root_der], Ok(())),
            ("RFC 5280 §6.1, another root",                               &direct,         &[],                   &[&other_der],            Err(PathError::UnknownIssuer)),
            ("RFC 5280 §6.1, no root",                                    &direct,         &[],                   &[],                      Err(PathError::UnknownIssuer)),
            ("RFC 5280 §6.1.3 (a)(1), same name but another key",         &forged,         &[],                   &[&root_der],             Err(PathError::Signature)),
            ("RFC 5280 §6.1.3 (a)(1), signed with another key",           &wrong_key,      &[],                   &[&root_der],             Err(PathError::Signature)),
            ("RFC 5280 §6.1.4 (k), CA:FALSE",                             &through_no_ca,  &[&no_ca_der],         &[&root_der],             Err(PathError::IssuerNotCa)),
            ("RFC 5280 §6.1.4 (l), pathLenConstraint",                    &through_middle, &[&under_short_der, &short_der], &[&root_der],   Err(PathError::Constraint)),
            ("RFC 5280 §6.1, a sent root is harmless",                    &direct,         &[&root_der],          &[&root_der],             Ok(())),
        ];
        for (citation, end_entity, intermediates, roots, outcome) in table {
            assert_eq!(verify_chain(end_entity, intermediates, roots, NOW), *outcome, "{citation}");
        }
        assert!(matches!(verify_chain(&[0x30, 0], &[], &[&root_der], NOW), Err(PathError::Unusable(_))));
        let mut broken = direct.clone();
        *broken.last_mut().unwrap() ^= 1;
        assert!(verify_chain(&broken, &[], &[&root_der], NOW).is_err());
    }

    fn signed_key(params: CertificateParams, key: &KeyPair, by: &CertificateParams, with: &KeyPair) -> Vec<u8> {
        params.signed_by(key, &Issuer::from_params(by, with)).unwrap().der().to_vec()
    }
}
