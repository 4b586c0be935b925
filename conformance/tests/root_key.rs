//! The operator's key in other hands: in a token behind PKCS#11 (SoftHSM), and in another server's KMS.
use conformance::Server;

/// Serves on `$1` with the root key `$2` long enough to make a bucket (`$3`) or to find it; and what is needed for that.
const SERVE: &str = r#"
serve() {
  sekisho serve --data "$1" --root-key "$2" --api 127.0.0.1:0 --mqtt 127.0.0.1:0 --https 127.0.0.1:0 --admin 127.0.0.1:0 \
    >>"$1.log" 2>&1 &
  local pid=$!
  until [ -f "$1/endpoints.json" ]; do kill -0 $pid 2>/dev/null || { cat "$1.log"; return 1; }; sleep 0.1; done
  ( eval "$(sekisho env --data "$1")"; aws s3api head-bucket --bucket "$3" >/dev/null 2>&1 || aws s3 mb "s3://$3" >/dev/null )
  kill $pid; wait $pid
}
opens() { sekisho audit at-rest --data "$1" --root-key "$2"; }
rotate() { sekisho root-key rotate --data "$1" --root-key "$2" --to "$3" >/dev/null; }
"#;

#[test]
fn a_token_keeps_the_key() {
    let server = Server::start();
    let told = server.bash(&format!(
        r#"{SERVE}
        export SOFTHSM2_CONF=$PWD/softhsm2.conf
        mkdir tokens
        printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$PWD/tokens" > softhsm2.conf
        for token in 'My HSM' Other; do
          softhsm2-util --init-token --free --label "$token" --pin 1234 --so-pin 4321 >/dev/null
        done
        echo 1234 > pin; echo 9999 > wrong
        for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so /usr/local/lib/softhsm/libsofthsm2.so; do
          [ -f $module ] && MODULE=$module
        done
        KEY="pkcs11:token=My%20HSM;object=root;type=secret-key?module-path=$MODULE&pin-source=file:$PWD/pin"
        serve d "$KEY" lake
        serve d "$KEY" lake
        opens d "$KEY" | tail -1
        ! [ -e d/root.key ]

        refused() {{ {{ opens d "$1" 2>&1 && echo OPENS || true; }} | sed "s/^sekisho: //"; }}
        refused "$(echo "$KEY" | sed 's#/pin$#/wrong#')"
        refused "$(echo "$KEY" | sed 's/object=root/object=none/')"
        refused "$(echo "$KEY" | sed 's/My%20HSM/Nobody/')"
        refused "$(echo "$KEY" | sed "s#$MODULE#/nowhere.so#")" | cut -d: -f1-4

        # Another token's key of the same name does not open it; rotation brings it there, makes the key, and takes it back.
        OTHER=$(echo "$KEY" | sed 's/My%20HSM/Other/')
        rotate d "$KEY" "$OTHER"
        opens d "$OTHER" | tail -1
        ! opens d "$KEY" 2>/dev/null
        rotate d "$OTHER" file:$PWD/taken.key
        ! opens d "$OTHER" 2>/dev/null
        serve d file:$PWD/taken.key lake
        "#
    ));
    expect_test::expect![[r#"
        nothing a device sent lies here in plaintext
        `root_key` = `pkcs11:token=My HSM;object=root`: the token `My HSM` does not take the PIN: Login: PinIncorrect
        `root_key` = `pkcs11:token=My HSM;object=none`: the token `My HSM` has no secret key `none`
        `root_key` = `pkcs11:token=Nobody;object=root`: 0 tokens are called `Nobody`; one must be
        `root_key` = `pkcs11:token=My HSM;object=root`: cannot load `/nowhere.so`: libloading error (/nowhere.so
        nothing a device sent lies here in plaintext
    "#]]
    .assert_eq(&told);
}

#[test]
fn another_servers_kms_keeps_the_key() {
    let server = Server::start();
    let told = server.bash(&format!(
        r#"{SERVE}
        KEY=$(aws kms create-key --query KeyMetadata.KeyId --output text)
        aws kms create-alias --alias-name alias/root --target-key-id $KEY
        serve d kms:alias/root lake
        serve d kms:alias/root lake
        opens d kms:$KEY | tail -1

        # Without the key, nothing; another key does not open it either.
        OTHER=$(aws kms create-key --query KeyMetadata.KeyId --output text)
        refused() {{ {{ opens d "$1" 2>&1 && echo OPENS || true; }} | sed "s/$KEY/KEY/g; s/$OTHER/OTHER/g; s/^sekisho: //"; }}
        refused kms:$OTHER
        aws kms disable-key --key-id $KEY
        refused kms:alias/root
        AWS_ENDPOINT_URL=http://127.0.0.1:1 refused kms:alias/root
        aws kms enable-key --key-id $KEY
        rotate d kms:alias/root file:$PWD/taken.key
        opens d file:$PWD/taken.key | tail -1

        # It stands in the other's record what the key was used for.
        sekisho audit log --data $SEKISHO_DATA | grep '"sekisho":"root.wrapped"' | grep -o '"operation":"[A-Za-z]*"' | sort | uniq -c
        "#
    ));
    expect_test::expect![[r#"
        nothing a device sent lies here in plaintext
        `root_key` = `kms:OTHER`: the root key does not open root.wrapped
        `root_key` = `kms:alias/root`: KMS does not decrypt: DisabledException (400): arn:aws:kms:us-east-1:000000000000:key/KEY is disabled.
        `root_key` = `kms:alias/root`: KMS does not decrypt: no connection to 127.0.0.1:1: Connection refused (os error 111)
        nothing a device sent lies here in plaintext
              5 "operation":"Decrypt"
              1 "operation":"Encrypt"
    "#]].assert_eq(&told);
}
